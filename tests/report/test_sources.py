import json

import pytest
from makers import make_scored, replace, tiny_config

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.errors import UserError
from vaer.evaluation.report import write
from vaer.report.sources import read_source
from vaer.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path):
    write(make_scored(tmp_path / "run"), "")
    write_config(replace(tiny_config(), "train", lr=0.5), tmp_path / "run" / "config.yaml")
    write_facts(tmp_path / "run" / "run.json", {"finished": True})
    return RunFolder(tmp_path / "run")


def test_settings_that_a_person_chose_are_listed(run):
    settings = read_source(run).settings
    assert settings["train.lr"] == 0.5
    assert "output" not in settings
    assert "data.root" not in settings


def test_modalities_taken_away_are_found(run):
    assert read_source(run).modalities == {}
    write(make_scored(run.path, modality="audio"), "_audio")
    assert read_source(run).modalities["audio"]["modality"] == "audio"
    assert read_source(run, "_audio").scored.facts["modality"] == "audio"


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
def test_a_run_that_was_not_scored_says_so(run, name):
    (run.path / name).unlink()
    with pytest.raises(UserError, match=f"{name}.*`vaer evaluate"):
        read_source(run)


def test_damaged_metrics_are_named(run):
    (run.path / "metrics.json").write_text("{")
    with pytest.raises(UserError, match=r"metrics\.json"):
        read_source(run)


def test_the_hash_is_that_of_the_predictions(run):
    import hashlib

    assert read_source(run).sha256 == hashlib.sha256((run.path / "predictions.csv").read_bytes()).hexdigest()
    assert json.loads((run.path / "metrics.json").read_text())["uar"] == read_source(run).scored.facts["uar"]
