import pytest

from vaer.errors import UserError
from vaer.runs.folder import RunFolder
from vaer.runs.log import read_log


def test_a_log_of_an_older_run_has_epochs_alone(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "loss": 1.0}\n')
    log = read_log(RunFolder(tmp_path))
    assert ([row["loss"] for row in log.epochs], log.steps) == ([2.0, 1.0], [])


def test_a_row_that_is_being_written_is_left_and_a_doubled_one_counts_once(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 1, "loss": 3.0}\n{"epoch": 2, "lo')
    (tmp_path / "steps.jsonl").write_text('{"step": 20, "epoch": 1}\n{"step": 10, "epoch": 1}\n')
    log = read_log(RunFolder(tmp_path))
    assert [row["loss"] for row in log.epochs] == [3.0]
    assert [row["step"] for row in log.steps] == [10, 20]


@pytest.mark.parametrize(("content", "reason"), [
    (None, "holds no log.jsonl; name the folder of a run"), ("", "tells no epoch yet"), ('{"epoch": 1', "no epoch yet"),
    ('{"epo\n{"epoch": 1}\n', "line 1 is not JSON"), ('{"loss": 1}\n{"epoch": 1}\n', "line 1 names no epoch"),
    ("[1]\n", "line 1 names no epoch")])
def test_what_is_no_log_is_one_sentence(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "log.jsonl").write_text(content)
    with pytest.raises(UserError, match=reason):
        read_log(RunFolder(tmp_path))
