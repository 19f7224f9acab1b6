import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study_makers import FAKE, write_study

from vaer.errors import UserError
from vaer.studies import children
from vaer.studies.folder import StudyRun
from vaer.studies.plan import plan
from vaer.studies.run import StudyOptions, study

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
DRIVER = ("import sys\nfrom study_makers import FAKE\nfrom vaer.studies import children\nchildren.STEP = FAKE\n"
          "from vaer.cli import main\nmain(sys.argv[1:])\n")


@pytest.fixture
def fake(monkeypatch):
    """Steps of the study cost no network."""
    monkeypatch.setattr(children, "STEP", FAKE)


def environment(**other):
    paths = [str(TESTS), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | other


def start(*arguments):
    """`vaer` with steps that cost no network, in a group of its own."""
    return subprocess.Popen([sys.executable, "-c", DRIVER, *map(str, arguments)], env=environment(),
                            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def epochs_done(output):
    return sum(len(log.read_text().splitlines()) for log in Path(output).glob("runs/*/log.jsonl"))


def wait_until(condition, process):
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


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
