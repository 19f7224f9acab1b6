import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from makers import leave_scored, make_scored
from study_makers import DRIVER, FAKE, TESTS, environment, epochs_done, start, wait_until, write_study

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.errors import RunError
from vaer.evaluation.product import product
from vaer.studies import children
from vaer.studies.folder import StudyRun
from vaer.studies.plan import plan
from vaer.studies.run import StudyOptions, record_plan, study
from vaer.studies.table import facts, lines, write_table

SLURM = TESTS.parent / "configs/slurm/study.sh"
WRITTEN = ("table.md", "table.csv", "table.tex", "scores.png", "scores.pdf", "report.html")
ROWS = "rows:\n  gate: {model.fusion.kind: gated}\n"


@pytest.fixture
def fake(monkeypatch):
    """Steps of the study cost no network."""
    monkeypatch.setattr(children, "STEP", FAKE)


@pytest.fixture
def made(tmp_path):
    """A study of two seeds, all of whose runs were scored."""
    found = plan(write_study(tmp_path, "seeds: [0, 1]\nrows:\n  gate: {model.fusion.kind: gated, modalities: [audio]}\n"
                                       "  first: {model.fusion.layers: 5, in_table: false}\n"), str(tmp_path / "out"))
    record_plan(found)
    for number, (key, run) in enumerate(found.runs.items()):
        (_, place), *_ = found.places_of(key)
        for suffix in ("", "_audio")[:1 + bool(run.modalities)]:
            leave_scored(make_scored(run.folder.path, speakers=2, seed=place.seed, right=0.5 + 0.04 * number), suffix)
        write_config(run.config, run.folder.config_path)
        write_facts(run.folder.facts_path, {"finished": True, "epochs": 3, "git_commit": "abc"})
        for modality in ("both", *run.modalities):
            StudyRun(run.folder.path).has_scored(modality)
    return found


def test_lines_are_the_whole_each_alone_their_product_and_the_others(made):
    found = lines(made)
    assert [line.name for line in found] == [
        "whole network", "face alone", "voice alone", "product of the two alone", "gate",
        "gate, voice alone at test time"]
    assert all(len(line.parts) == 2 and not line.failed for line in found)


def test_the_product_is_that_of_the_same_seed(made):
    by_name = {line.name: line for line in lines(made)}
    for number in range(2):
        face, voice = (by_name[name].parts[number] for name in ("face alone", "voice alone"))
        own = product([face, voice], ["face alone", "voice alone"])
        told = by_name["product of the two alone"].parts[number]
        assert told.predicted.table.equals(own.predicted.table)
        assert told.facts["seed"] == number


def test_a_row_that_lacks_a_run_has_failed_and_so_has_the_product_of_it(made):
    run = StudyRun(made.runs[made.rows["face alone"].runs[(0, 1)]].folder.path)
    write_facts(run.run.facts_path, {"finished": False})
    run.fail("train", 1, "the loss is not finite.")
    by_name = {line.name: line for line in lines(made)}
    assert by_name["face alone"].failed == "1 of 2 runs, first fold 0, seed 1: the loss is not finite"
    assert by_name["face alone"].parts == []
    assert by_name["product of the two alone"].failed == f"face alone: {by_name['face alone'].failed}"
    assert by_name["gate"].failed == ""
    assert [one["state"] for one in facts(made)["runs"]].count("failed") == 1


def test_the_table_and_what_is_known_of_every_run(made):
    write_table(made)
    table = (made.output / "table.md").read_text()
    assert table.index("whole network") < table.index("product of the two alone") < table.index("gate")
    known = json.loads((made.output / "study.json").read_text())
    assert known["parts"] == {"whole": "whole network", "video": "face alone", "audio": "voice alone"}
    assert len(known["runs"]) == len(made.runs) == 10
    first = known["runs"][0]
    assert first["rows"] == [{"row": "whole network", "fold": 0, "seed": 0}]
    assert (first["git_commit"], first["state"]) == ("abc", "finished")
    assert (made.output / first["folder"]).is_dir()


def contents(output):
    return {name: (Path(output) / name).read_bytes() for name in WRITTEN}


@pytest.mark.slow
def test_killed_five_times_the_table_is_the_same_byte_for_byte(tmp_path, fake):
    path = write_study(tmp_path, f"settings: {{train.weight_decay: 0.1}}\n{ROWS}")
    study(path, str(tmp_path / "calm"), StudyOptions(jobs=2))
    output = tmp_path / "killed"
    for number in range(5):
        process = start("study", path, "--output", output, "--jobs", 2)
        wait_until(lambda least=2 * number + 1: epochs_done(output) >= least, process)
        if number == 2:  # its steps go on alone, and the next command waits for them
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert epochs_done(output) < 4 * 3, "there was work left at every kill"
    process = start("study", path, "--output", output, "--jobs", 2)
    said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert contents(output) == contents(tmp_path / "calm")
    table = (output / "table.md").read_text()
    assert [name for name in ("whole network", "face alone", "voice alone", "product of the two alone", "gate")
            if name not in table] == []


def test_a_failed_run_is_a_failed_row_and_what_is_finished_is_not_done_again(tmp_path, fake, capsys):
    path = write_study(tmp_path, "rows:\n  gate: {model.fusion.kind: gated, modalities: [audio]}\n"
                                 "  bad: {train.label_smoothing: 0.5}\n  after: {starts: {model.init: bad}}\n")
    output = tmp_path / "out"
    with pytest.raises(RunError, match=r"2 of 6 runs failed; the first is bad, fold 0, seed 0: the loss is not finite"):
        study(path, str(output), StudyOptions(jobs=2))
    table = (output / "table.md").read_text()
    assert "failed: 1 of 1 run, first fold 0, seed 0: the loss is not finite in epoch 1" in table
    assert "starts from bad, fold 0, seed 0, which failed" in table
    assert "gate, voice alone at test time" in table
    runs = json.loads((output / "study.json").read_text())["runs"]
    assert sorted(run["state"] for run in runs) == ["failed"] * 2 + ["finished"] * 4
    before = contents(output)
    stamps = {log: log.stat().st_mtime_ns for log in output.glob("runs/*/log.jsonl")}
    scores = {one: one.stat().st_mtime_ns for one in output.glob("runs/*/metrics*.json")}
    assert len(scores) == 5  # gate has its voice alone beside
    path.write_text(path.read_text().replace("label_smoothing: 0.5", "label_smoothing: 0.2"))
    capsys.readouterr()
    study(path, str(output), StudyOptions(jobs=2))
    assert "4 of 6 runs finished already" in capsys.readouterr().out
    assert {log: log.stat().st_mtime_ns for log in stamps} == stamps
    assert {one: one.stat().st_mtime_ns for one in scores} == scores
    assert contents(output) != before
    assert "failed" not in (output / "table.md").read_text()


@pytest.mark.slow
def test_the_file_for_slurm_runs_every_number_and_then_the_table(tmp_path):
    """A stand-in for sbatch runs what it is given at once, as a job array or alone."""
    path = write_study(tmp_path, ROWS)
    path.write_text(path.read_text() + f"output: {tmp_path / 'out'}\n")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "driver.py").write_text(DRIVER)
    (bin_ / "vaer").write_text(f'#!/bin/sh\nexec {sys.executable} {bin_ / "driver.py"} "$@"\n')
    (bin_ / "sbatch").write_text(f"""#!/bin/bash
echo "$@" >> {tmp_path / 'asked'}
last=
while [[ $1 == --* ]]; do
    [[ $1 == --array=0-* ]] && last=${{1#--array=0-}}
    shift
done
export SLURM_JOB_ID=7 ENVIRONMENT=BATCH SLURM_NTASKS=1 SLURM_PROCID=0
if [[ -n $last ]]; then
    for SLURM_ARRAY_TASK_ID in $(seq 0 $last); do export SLURM_ARRAY_TASK_ID; bash "$@" >&2; done
else
    bash "$@" >&2
fi
echo "7;cluster"
""")
    for name in ("vaer", "sbatch"):
        (bin_ / name).chmod(0o755)
    subprocess.run(["bash", str(SLURM), str(path), "--partition=gpu"], check=True,
                   env=environment(PATH=f"{bin_}{os.pathsep}{os.environ['PATH']}"), capture_output=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].startswith("--parsable --array=0-3 --partition=gpu ")
    assert asked[1].startswith("--parsable --dependency=afterany:7 --partition=gpu ")
    assert "failed" not in (tmp_path / "out" / "table.md").read_text()
