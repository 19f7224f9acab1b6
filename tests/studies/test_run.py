import pytest
from study_makers import FAKE, epochs_done, start, wait_until, write_study

from vaer.errors import UserError
from vaer.studies import children
from vaer.studies.folder import StudyRun
from vaer.studies.plan import plan
from vaer.studies.run import StudyOptions, study


@pytest.fixture
def fake(monkeypatch):
    """Steps of the study cost no network."""
    monkeypatch.setattr(children, "STEP", FAKE)


def test_sigterm_lets_the_steps_end_and_is_no_failure(tmp_path):
    path = write_study(tmp_path, "settings: {train.weight_decay: 30}\n")
    process = start("study", path, "--output", tmp_path / "out", "--jobs", 2)
    wait_until(lambda: len(list(tmp_path.glob("out/runs/*/config.yaml"))) == 2, process)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "interrupted; what was trained is saved" in said
    assert "Traceback" not in said
    assert list(tmp_path.glob("out/runs/*/failed.json")) == []


def test_an_index_trains_one_run_with_what_it_starts_from_and_scores_nothing(tmp_path, fake):
    path = write_study(tmp_path, "rows: {after: {starts: {model.init: gate}}, gate: {model.fusion.kind: gated}}\n")
    output = str(tmp_path / "out")
    made = plan(path, output)
    number = [made.places_of(key)[0][0] for key in made.runs].index("after")
    study(path, output, StudyOptions(index=number))
    states = {made.places_of(key)[0][0]: StudyRun(run.folder.path).state() for key, run in made.runs.items()}
    assert states == {"after": "finished", "gate": "finished", "whole network": "new", "face alone": "new",
                      "voice alone": "new"}
    assert list(tmp_path.glob("out/runs/*/metrics.json")) == []
    with pytest.raises(UserError, match=r"--index 5: .* has 5 runs, from 0 on"):
        study(path, output, StudyOptions(index=5))


def test_jobs_that_begin_at_the_same_moment_wait_for_one_another(tmp_path):
    path = write_study(tmp_path)
    jobs = [start("study", path, "--output", tmp_path / "out", "--index", number) for number in (0, 1, 1, 2)]
    said = [job.communicate(timeout=240) for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 4, said
    made = plan(path, str(tmp_path / "out"))
    assert all(run.folder.is_finished() for run in made.runs.values())
    assert [len(run.folder.log_path.read_text().splitlines()) for run in made.runs.values()] == [3] * 3


def test_a_study_is_measured_by_first_epochs_that_it_keeps(tmp_path, fake, capsys):
    path = write_study(tmp_path, "settings: {train.weight_decay: 0.3}\nseeds: [0, 1]\n")
    output = str(tmp_path / "out")
    study(path, output, StudyOptions(dry_run=True))
    assert "the time of 6 is unknown" in capsys.readouterr().out
    study(path, output, StudyOptions(measure=True))
    said = capsys.readouterr().out
    assert said.count("by its own epochs") == 3  # the fake says that an epoch takes ten seconds
    assert said.count("by epochs of its row") == 3
    assert "unknown" not in said
    assert 3 <= epochs_done(output) < 9
    assert list(tmp_path.glob("out/runs/*/failed.json")) == []
