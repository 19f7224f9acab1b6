import os

import pytest
from study_makers import write_corpus

from vaer.config import Config, DataConfig, ModelConfig, TrainConfig, VideoConfig
from vaer.errors import UserError
from vaer.studies import identity as module
from vaer.studies.identity import code_digest, data_digest, digest, identity


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


def config_of(corpus, **other):
    tiny = {"video": VideoConfig(preset="tiny", **other.pop("video", {}))}
    data = DataConfig(corpus="csv", root=str(corpus), protocol="speakers4", **other.pop("data", {}))
    return Config(data=data, model=ModelConfig(**tiny), **other)


def key_of(corpus, starts=None, **other):
    module._read_digest.cache_clear()
    return digest(identity(config_of(corpus, **other), starts or {}, "code"))


def test_what_changes_a_run_changes_its_name(corpus):
    first = key_of(corpus)
    others = [key_of(corpus, seed=1), key_of(corpus, data={"fold": 1}), key_of(corpus, data={"size": 64}),
              key_of(corpus, train=TrainConfig(epochs=31)), key_of(corpus, video={"alpha": 8}),
              key_of(corpus, starts={"model.init": "abc"}), key_of(corpus, starts={"model.init": "abd"})]
    assert len({first, *others}) == 1 + len(others)


def test_a_setting_at_its_default_is_no_part_of_the_name(corpus):
    settings = identity(config_of(corpus, train=TrainConfig(lr=3e-4)), {}, "code")["settings"]
    assert settings["train.lr"] == settings["train.video_lr"] == 3e-4
    assert not {"train.epochs", "train.clip_norm", "model.fusion.kind", "seed"} & set(settings)


def test_what_changes_nothing_keeps_the_name(corpus, tmp_path):
    first = key_of(corpus)
    assert key_of(corpus, output="elsewhere") == first
    assert key_of(corpus, train=TrainConfig(resume=True, save_steps=5, log_steps=1, tracker="none")) == first
    assert key_of(corpus, data={"num_workers": 0, "decoder": "pyav"}) == first
    assert key_of(corpus, video={"alpha": 4}) == first  # what the preset says anyway
    moved = corpus.rename(tmp_path / "elsewhere")
    assert key_of(moved) == first


def test_another_clip_label_date_or_size_is_another_corpus(corpus):
    def now():
        module._read_digest.cache_clear()
        return data_digest(config_of(corpus).data)

    found = [now()]
    path = corpus / "0_sad.mp4"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    found.append(now())
    path.write_bytes(b"more" * 9)
    found.append(now())
    table = corpus / "table.csv"
    table.write_text(table.read_text().replace("0_sad.mp4,sad", "0_sad.mp4,happy"))
    found.append(now())
    table.write_text(table.read_text().replace(",s1", ",s9"))
    found.append(now())
    assert len(set(found)) == 5


def test_the_manifest_of_a_prepared_corpus_stands_for_sizes_and_dates(corpus):
    (corpus / "manifest.csv").write_text("path,duration_s,sha256\n0_sad.mp4,1.0,ab\n")
    first = key_of(corpus)
    os.utime(corpus / "0_sad.mp4", ns=(1, 1))
    assert key_of(corpus) == first
    (corpus / "manifest.csv").write_text("path,duration_s,sha256\n0_sad.mp4,1.0,ac\n")
    assert key_of(corpus) != first


def test_weights_from_elsewhere_count_by_size_and_date(corpus, tmp_path):
    weights = tmp_path / "slowfast.pth"
    weights.write_bytes(b"1")
    first = key_of(corpus, video={"pretrained": str(weights)})
    assert first != key_of(corpus)
    weights.write_bytes(b"22")
    second = key_of(corpus, video={"pretrained": str(weights)})
    moved = weights.rename(tmp_path / "sub.pth")
    moved = moved.rename(tmp_path / "slowfast.pth")
    assert second != first
    assert key_of(corpus, video={"pretrained": str(moved)}) == second


def test_a_protocol_of_ones_own_counts_by_its_content(corpus, tmp_path):
    path = tmp_path / "sides.csv"

    def key(content):
        path.write_text(content)
        config = config_of(corpus)
        import dataclasses

        return digest(identity(dataclasses.replace(config, data=dataclasses.replace(config.data, protocol=str(path))),
                               {}, "code"))

    assert key("id,side\na,train\n") == key("id,side\na,train\n") != key("id,side\na,test\n")


def test_code_counts_where_training_passes_through_it(tmp_path, monkeypatch):
    for name in ("training/run.py", "cli.py", "studies/run.py", "data/protocols.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(module.vaer, "__file__", str(tmp_path / "__init__.py"))

    def after(name):
        (tmp_path / name).write_text("2")
        code_digest.cache_clear()
        return code_digest()

    code_digest.cache_clear()
    first = code_digest()
    try:
        assert after("cli.py") == after("studies/run.py") == first
        second = after("training/run.py")
        assert len({first, second, after("data/protocols.json")}) == 3
    finally:
        monkeypatch.undo()
        code_digest.cache_clear()


def test_rooms_that_stand_apart_are_those_that_training_and_scoring_do_not_import():
    import re
    from pathlib import Path

    root = Path(module.vaer.__file__).parent
    apart = "|".join(name.removesuffix(".py") for name in module.APART if name != "cores.py")
    for path in root.rglob("*.py"):
        if path != root / "__init__.py" and path.relative_to(root).parts[0] not in module.APART:
            found = re.findall(rf"^\s*from vaer\.({apart})\b.*", path.read_text(), flags=re.MULTILINE)
            assert not found, f"{path} imports {found}, which then belong to the code that names a run"


def test_a_missing_corpus_is_said(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        data_digest(DataConfig(corpus="csv", root=str(tmp_path / "nowhere")))
