import dataclasses
import json
import shutil

import pytest
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError

from vaer.config import AudioConfig, Config, ModelConfig, TrainConfig, read_config, resolve, write_config
from vaer.errors import UserError
from vaer.weights.folders import branch_settings, fetch, is_hub_name, read_json, whole_folder


def write_folder(path, normalize=None, **settings):
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": "moonshine", "dtype": "float16"} | settings))
    if normalize is not None:
        (path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalize}))
    return path


@pytest.fixture
def hub(monkeypatch):
    """What was asked of the hub, which gives a folder or raises."""
    asked = []

    def snapshot_download(name, *, allow_patterns):
        asked.append((name, allow_patterns))
        if isinstance(asked[0], Exception):
            raise asked[0]
        return asked[0]

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def resolved(**audio):
    return resolve(Config(model=ModelConfig(audio=AudioConfig(**audio)))).model.audio


def test_hub_names_are_owner_and_name_that_are_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_name("facebook/hubert-base-ls960")
    for other in ("HUBERT_BASE", "./a/b", "/a/b", "a/b/c", "weights/x.pth", "a b/c"):
        assert not is_hub_name(other)
    (tmp_path / "runs" / "one").mkdir(parents=True)
    assert not is_hub_name("runs/one")
    assert not is_hub_name("runs/mistyped")  # the folder of one's runs is no owner on the hub


def test_the_checkpoint_decides_what_the_settings_leave_open(tmp_path):
    folder = str(write_folder(tmp_path / "scaled", normalize=True, hidden_size=32))
    assert resolved(preset="wav2vec2_base", pretrained=folder).normalize is True
    assert resolved(preset="wav2vec2_base").normalize is False
    assert resolved(preset="wav2vec2_base", pretrained=folder, normalize=False).normalize is False
    audio = resolved(kind="transformers", pretrained=folder)
    assert audio.architecture == {"model_type": "moonshine", "hidden_size": 32}  # how it is stored does not matter
    assert (audio.normalize, audio.layers, audio.extractor) == (True, None, None)
    silent = {name: write_folder(tmp_path / name, feat_extract_norm=name) for name in ("group", "layer")}
    assert {name: resolved(kind="transformers", pretrained=str(path)).normalize for name, path in silent.items()} == {
        "group": False, "layer": True}
    assert resolved(enabled=False, pretrained="nothing/here").normalize is False  # not asked for


def test_an_architecture_in_the_settings_needs_no_file(tmp_path):
    folder = write_folder(tmp_path / "gone", normalize=True, hidden_size=32, rope={"theta": 1e-5, "0": [1, None]})
    config = resolve(Config(model=ModelConfig(audio=AudioConfig(kind="transformers", pretrained=str(folder)))))
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["model"]["audio"]["architecture"]["hidden_size"] == 32


def test_an_earlier_run_hands_on_what_it_heard(tmp_path):
    best = tmp_path / "run" / "best"
    best.mkdir(parents=True)
    audio = {"kind": "transformers", "normalize": True, "architecture": {"model_type": "sew"}}
    (best / "config.json").write_text(json.dumps({"settings": {"model": {"audio": audio}}}))
    for run in (str(tmp_path / "run"), str(best)):
        assert branch_settings(run, "transformers") == {"normalize": True, "architecture": {"model_type": "sew"}}
        assert branch_settings(run, "wav2vec") == {}
        assert resolved(kind="transformers", pretrained=run).architecture == {"model_type": "sew"}
    from_whole = resolve(Config(model=ModelConfig(audio=AudioConfig(kind="transformers"), init=run)))
    assert from_whole.model.audio.architecture == {"model_type": "sew"}
    plain = resolve(Config(model=ModelConfig(init="no/such")))  # is refused when it is loaded, and is no hub name
    assert plain.model.audio.normalize is False


def test_a_run_that_goes_on_needs_its_checkpoint_no_more(tmp_path):
    folder = write_folder(tmp_path / "scaled", normalize=True)
    config = Config(output=str(tmp_path / "run"), train=TrainConfig(resume=True),
                    model=ModelConfig(audio=AudioConfig(kind="transformers", pretrained=str(folder))))
    first = resolve(config)
    (tmp_path / "run").mkdir()
    write_config(first, tmp_path / "run" / "config.yaml")
    shutil.rmtree(folder)
    assert resolve(config) == first
    with pytest.raises(UserError, match=r"--model.audio.pretrained .*scaled names none"):
        resolve(dataclasses.replace(config, train=TrainConfig()))


def test_kind_transformers_without_a_checkpoint_is_refused():
    with pytest.raises(UserError, match=r"kind transformers is built as its checkpoint says.*a name on the Hugging"):
        resolved(kind="transformers")
    with pytest.raises(UserError, match=r"--model.audio.pretrained HUBERT_BASE names none"):
        resolved(kind="transformers", pretrained="HUBERT_BASE")


def test_only_a_hub_name_is_fetched_and_only_what_is_needed(tmp_path, hub):
    hub.append(str(write_folder(tmp_path / "cache")))
    whole_folder(str(tmp_path / "cache"))
    whole_folder("HUBERT_BASE")
    assert len(hub) == 1
    assert branch_settings("owner/name", "transformers")["architecture"] == {"model_type": "moonshine"}
    assert hub[1:] == [("owner/name", ["config.json", "preprocessor_config.json"])]
    whole_folder("owner/name")  # no safetensors there: the older file
    assert [patterns[2] for _, patterns in hub[3:]] == ["model*.safetensors", "pytorch_model*.bin"]
    (tmp_path / "cache" / "model.safetensors").touch()
    del hub[1:]
    whole_folder("owner/name")
    assert [patterns[2:] for _, patterns in hub[2:]] == [["model*.safetensors", "model*.safetensors.index.json"]]


def test_a_hub_that_does_not_answer_is_named_with_the_address(hub):
    hub.append(LocalEntryNotFoundError("no connection\nand more"))
    with pytest.raises(UserError, match=r"owner/name: is no file or folder here, and https://huggingface.co/owner/name "
                                        r"could not be fetched \(no connection\)"):
        fetch("owner/name", ["config.json"])


def test_a_broken_settings_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config.json: cannot be read as JSON"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(UserError, match=r"config.json: holds no settings but a list"):
        read_json(tmp_path / "config.json")
