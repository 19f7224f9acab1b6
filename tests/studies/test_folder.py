import json

from vaer.atomic_files import write_facts
from vaer.studies.folder import StudyRun, Work


def test_states(tmp_path):
    run = StudyRun(tmp_path / "run")
    assert (run.state(), run.reason(), run.is_scored()) == ("new", None, False)
    run.want({"identity": {"code": "c"}, "modalities": ["audio"]})
    assert (run.state(), run.wanted()["identity"]) == ("new", {"code": "c"})
    run.run.config_path.write_text("seed: 0\n")
    assert run.state() == "begun"
    run.fail("train", 1, "out of luck")
    assert (run.state(), run.reason()) == ("failed", "out of luck")
    write_facts(run.run.facts_path, {"finished": True})
    assert run.state() == "finished"
    run.has_scored("both")
    assert not run.is_scored()  # audio alone is wanted too
    run.has_scored("audio")
    assert run.is_scored()


def test_what_is_wanted_is_written_once(tmp_path):
    run = StudyRun(tmp_path / "run")
    run.want({"settings": {"seed": 0}, "modalities": []})
    before = run.wanted_path.stat().st_mtime_ns
    run.want({"settings": {"seed": 0}, "modalities": []})
    assert run.wanted_path.stat().st_mtime_ns == before
    run.want({"settings": {"seed": 0}, "modalities": ["video"]})
    assert run.wanted()["modalities"] == ["video"]


def test_work_and_epochs_survive_a_line_that_was_cut_off(tmp_path):
    run = StudyRun(tmp_path)
    assert (run.work(), run.epoch_s()) == ([], None)
    run.worked(Work("train", 12.0, 100, 3))
    for path in (tmp_path / "work.jsonl", run.run.log_path):
        with path.open("a") as file:
            file.write("".join(json.dumps({"train_s": seconds}) + "\n" for seconds in (1.0, 5.0, 3.0)
                               if path.name == "log.jsonl") + '{"train_s": 1')
    assert run.work() == [Work("train", 12.0, 100, 3)]
    assert run.epoch_s() == 3.0  # the median of 1, 5 and 3
