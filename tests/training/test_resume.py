import dataclasses

import pytest
from makers import replace, tiny_config

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.errors import UserError
from vaer.runs.folder import RunFolder
from vaer.training.resume import MAY_DIFFER, recorded, require_resumable, require_same


@pytest.fixture
def begun(tmp_path):
    """The settings of a run that began, and its folder."""
    config = dataclasses.replace(tiny_config(), output=str(tmp_path / "run"))
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    write_config(config, folder.config_path)
    return config, folder


def test_a_folder_goes_on_with_its_own_settings_alone(begun):
    config, folder = begun
    with pytest.raises(UserError, match=r"holds a run already; choose another --output, or .*--train\.resume true"):
        require_resumable(folder, config)
    config = replace(config, "train", resume=True)
    require_resumable(folder, config)
    assert "train.log_steps" in MAY_DIFFER
    require_resumable(folder, replace(config, "train", log_steps=3))
    with pytest.raises(UserError, match=r"other values of train\.lr, train\.probe_first; resume it with those of"):
        require_resumable(folder, replace(config, "train", lr=1.0, probe_first=True))


def test_an_empty_folder_is_free(tmp_path):
    require_resumable(RunFolder(tmp_path), tiny_config())
    assert list(tmp_path.iterdir()) == []


def test_other_speakers_and_another_precision_are_refused(begun):
    _, folder = begun
    write_facts(folder.facts_path, {"speakers": {"train": ["1", "2"]}, "precision": "no"})
    require_same(folder, {"train": ["1", "2"]}, "no")
    with pytest.raises(UserError, match=r"began with speakers 1, 2, and --data\.root now makes that 1; restore"):
        require_same(folder, {"train": ["1"]}, "no")
    with pytest.raises(UserError, match="began with precision no, and the launcher now says bf16"):
        require_same(folder, {"train": ["1", "2"]}, "bf16")


def test_runs_older_than_a_fact_say_nothing_of_it(begun):
    _, folder = begun
    write_facts(folder.facts_path, {"started": "there"})
    assert recorded(folder) == {"started": "there", "pretrained": {}, "warnings": [], "given": []}
