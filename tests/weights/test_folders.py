import json

import pytest
from hf_makers import write_folder
from huggingface_hub.errors import LocalEntryNotFoundError

from vaer.errors import UserError
from vaer.weights.folders import branch_settings, fetch, is_hub_name, read_json, whole_folder


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


def test_hub_names_are_owner_and_name_that_are_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_name("facebook/hubert-base-ls960")
    for other in ("HUBERT_BASE", "./a/b", "/a/b", "a/b/c", "weights/x.pth", "a b/c"):
        assert not is_hub_name(other)
    (tmp_path / "runs" / "one").mkdir(parents=True)
    assert not is_hub_name("runs/one")
    assert not is_hub_name("runs/mistyped")  # the folder of one's runs is no owner on the hub


def test_an_earlier_run_hands_on_what_it_heard(tmp_path):
    best = tmp_path / "run" / "best"
    best.mkdir(parents=True)
    audio = {"kind": "transformers", "normalize": True, "architecture": {"model_type": "sew"}}
    (best / "config.json").write_text(json.dumps({"settings": {"model": {"audio": audio}}}))
    for run in (str(tmp_path / "run"), str(best)):
        assert branch_settings(run, "transformers") == {"normalize": True, "architecture": {"model_type": "sew"}}
        assert branch_settings(run, "wav2vec") == {}


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
