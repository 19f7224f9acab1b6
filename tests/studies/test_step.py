import json

import pytest
from makers import tone, write_video
from study_makers import write_study

from vaer.studies import step
from vaer.studies.folder import StudyRun
from vaer.studies.plan import plan
from vaer.studies.run import record_plan
from vaer.training.lock import Lock

SMALL = """\
base:
  data: {{corpus: csv, root: {root}, protocol: speakers4, num_frames: 8, size: 32, num_workers: 0}}
  model:
    video: {{enabled: false}}
    audio: {{preset: tiny, dim: 16, heads: 2, layers: 1}}
  train: {{epochs: 1, batch_size: 2}}
"""


@pytest.fixture
def run(tmp_path):
    """The only run of a study of the voice of four speakers, two clips each."""
    root = tmp_path / "corpus"
    rows = ["path,label,speaker"]
    for place, speaker in enumerate("abcd"):
        for label, hertz in (("happy", 300), ("sad", 500)):
            write_video(root / f"{speaker}_{label}.mp4", frames=4, sound=tone(0.4, 48_000, hertz + 10 * place)[None])
            rows.append(f"{speaker}_{label}.mp4,{label},{speaker}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "study.yaml").write_text(SMALL.format(root=root))
    made = plan(tmp_path / "study.yaml", str(tmp_path / "out"))
    record_plan(made)
    (only,) = made.runs.values()
    return StudyRun(only.folder.path)


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_run_is_trained_once_and_scored_once(run):
    folder = str(run.path)
    assert step.main(["train", folder]) == 0
    assert run.state() == "finished"
    assert not run.run.path.joinpath("metrics.json").exists()  # training does not open the test side
    assert step.main(["score", folder]) == 0
    assert run.is_scored()
    assert json.loads(run.run.path.joinpath("metrics.json").read_text())["clips"] == 2
    assert [(one.task, one.epochs) for one in run.work()] == [("train", 1), ("score", 0)]
    assert all(one.peak_bytes > 2**20 for one in run.work())
    before = run.run.path.joinpath("metrics.json").stat().st_mtime_ns
    assert step.main(["train", folder]) == step.main(["score", folder]) == 0
    assert run.run.path.joinpath("metrics.json").stat().st_mtime_ns == before
    assert len(run.work()) == 2


def test_a_run_that_another_process_works_on_is_left_alone(run):
    lock = Lock(run.busy)
    try:
        assert step.main(["train", str(run.path)]) == step.BUSY
    finally:
        lock.release()
    assert not run.busy.exists()


def test_code_that_changed_since_the_plan_trains_nothing(run, monkeypatch, capsys):
    monkeypatch.setattr(step, "code_digest", lambda: "other")
    assert step.main(["train", str(run.path)]) == 1
    assert "the code of vaer changed after this run was planned" in capsys.readouterr().err
    assert run.state() == "new"


def test_wrong_input_ends_in_a_sentence(tmp_path, capsys):
    path = write_study(tmp_path)
    made = plan(path, str(tmp_path / "out"))
    record_plan(made)
    (tmp_path / "corpus" / "table.csv").unlink()
    assert step.main(["train", str(next(iter(made.runs.values())).folder)]) == 2
    assert capsys.readouterr().err.startswith("vaer: ")
