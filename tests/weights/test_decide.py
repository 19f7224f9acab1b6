import dataclasses
import json
import shutil

import pytest
import yaml
from hf_makers import write_folder

from vaer.config import AudioConfig, Config, ModelConfig, TrainConfig, VideoConfig, read_config, resolve, write_config
from vaer.errors import UserError
from vaer.weights.decide import decide


def decided(config):
    return resolve(decide(config))


def resolved(**audio):
    return decided(Config(model=ModelConfig(audio=AudioConfig(**audio)))).model.audio


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
    config = decided(Config(model=ModelConfig(audio=AudioConfig(kind="transformers", pretrained=str(folder)))))
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["model"]["audio"]["architecture"]["hidden_size"] == 32


def test_a_run_that_goes_on_needs_its_checkpoint_no_more(tmp_path):
    folder = write_folder(tmp_path / "scaled", normalize=True)
    config = Config(output=str(tmp_path / "run"), train=TrainConfig(resume=True),
                    model=ModelConfig(audio=AudioConfig(kind="transformers", pretrained=str(folder))))
    first = decided(config)
    (tmp_path / "run").mkdir()
    write_config(first, tmp_path / "run" / "config.yaml")
    shutil.rmtree(folder)
    assert decided(config) == first
    with pytest.raises(UserError, match=r"--model.audio.pretrained .*scaled names none"):
        decided(dataclasses.replace(config, train=TrainConfig()))


def test_kind_transformers_without_a_checkpoint_is_refused():
    with pytest.raises(UserError, match=r"kind transformers is built as its checkpoint says.*a name on the Hugging"):
        resolved(kind="transformers")
    with pytest.raises(UserError, match=r"--model.audio.pretrained HUBERT_BASE names none"):
        resolved(kind="transformers", pretrained="HUBERT_BASE")


def test_an_earlier_run_decides_what_it_heard(tmp_path):
    best = tmp_path / "run" / "best"
    best.mkdir(parents=True)
    audio = {"kind": "transformers", "normalize": True, "architecture": {"model_type": "sew"}}
    (best / "config.json").write_text(json.dumps({"settings": {"model": {"audio": audio}}}))
    for run in (str(tmp_path / "run"), str(best)):
        assert resolved(kind="transformers", pretrained=run).architecture == {"model_type": "sew"}
    from_whole = decided(Config(model=ModelConfig(audio=AudioConfig(kind="transformers"), init=run)))
    assert from_whole.model.audio.architecture == {"model_type": "sew"}
    plain = decided(Config(model=ModelConfig(init="no/such")))  # is refused when it is loaded, and is no hub name
    assert plain.model.audio.normalize is False


def test_two_beginnings_are_refused_before_either_is_read(tmp_path):
    both = ModelConfig(init="nothing/here", audio=AudioConfig(pretrained="owner/name"))
    assert decide(Config(model=both)) == Config(model=both)  # the hub is not asked
    with pytest.raises(UserError, match=r"--model\.init and --model\.audio\.pretrained both say"):
        decided(Config(model=both))


def test_resolving_reads_nothing(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    config = Config(output=str(tmp_path), train=TrainConfig(resume=True), model=ModelConfig(
        video=VideoConfig(pretrained="x.pkl"), audio=AudioConfig(pretrained="owner/name")))
    assert resolve(config).model.audio.normalize is False
