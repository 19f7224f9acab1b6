import json

import pytest
from makers import replace, tiny_config

from vaer.errors import UserError
from vaer.evaluation.evaluation_set import find_evaluation_set
from vaer.evaluation.options import Options
from vaer.runs.folder import RunFolder


@pytest.fixture
def learned(tmp_path):
    """The settings of a run that learned from a table of two labels, with three speakers."""
    rows = ["path,label,speaker"] + [f"{number}.wav,{'ab'[number % 2]},{number // 4}" for number in range(12)]
    return replace(tiny_config(), "data", corpus="csv", root=str(table(tmp_path / "own", rows)), protocol="speakers3")


def table(root, rows):
    root.mkdir()
    for row in rows[1:]:
        (root / row.split(",")[0]).write_bytes(row.encode())  # none is opened but to compare bytes
    (root / "table.csv").write_text("\n".join(rows))
    return root


def recorded(folder, **speakers):
    """A run whose run.json says who was on which side."""
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"speakers": speakers, "warnings": ["said before"]}))
    return RunFolder(folder)


def test_the_test_side_of_its_own_split(learned, tmp_path):
    run = recorded(tmp_path / "run", train=["2"], validation=["1"])
    tested = find_evaluation_set(run, learned, ("a", "b"), Options())
    assert tested.classes == ("a", "b")
    assert {item.speaker for item in tested.split.test} == {"0"}
    assert tested.setting == {"protocol": "speakers3", "corpus": "own", "label_map": {}, "remark": ""}
    assert tested.warnings == ["said before"]


@pytest.mark.parametrize(("classes", "sides", "protocol", "message"), [
    (("a", "c"), {}, "speakers3", "its classes are a, b, and .* learned a, c"),
    (("a", "b"), {"train": ["0 "]}, "speakers3", "now tests speakers 0, of whom"),
    (("a", "b"), {}, "all_train", "leaves no test clip"),
])
def test_whoever_may_not_be_tested_is_named(learned, tmp_path, classes, sides, protocol, message):
    with pytest.raises(UserError, match=message):
        find_evaluation_set(recorded(tmp_path / "run", **sides), replace(learned, "data", protocol=protocol), classes,
                            Options())


def test_another_corpus_is_tested_whole_among_the_classes_that_both_have(learned, tmp_path):
    rows = ["path,label", "x.wav,b", "y.wav,a", "z.wav,rage"]
    options = Options(corpus="csv", root=str(table(tmp_path / "other", rows)), label_map={"rage": "c"})
    tested = find_evaluation_set(RunFolder(tmp_path / "run"), learned, ("a", "b", "d"), options)
    assert tested.classes == ("a", "b")
    assert [item.id for item in tested.split.test] == ["x", "y"]
    assert (tested.split.train, tested.split.validation) == ([], [])
    assert tested.setting["left_out"] == {"c": 1}
    assert tested.setting["classes_dropped"] == ["d"]
    assert (tested.setting["learned_from"], tested.setting["learned_under"]) == ("own", "speakers3")


def test_another_corpus_is_read_by_its_own_settings(learned, tmp_path):
    for name in ("a/S1_x.wav", "a/S2_x.wav", "b/S1_y.wav"):
        (tmp_path / "other" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "other" / name).touch()
    options = Options(corpus="folders", root=str(tmp_path / "other"), speaker_pattern=r"(S\d)_")
    tested = find_evaluation_set(RunFolder(tmp_path / "run"), learned, ("a", "b"), options)
    assert [item.speaker for item in tested.split.test] == ["S1", "S2", "S1"]
    assert tested.setting["speaker_pattern"] == r"(S\d)_"
    assert "channel" not in tested.setting


def test_the_corpus_that_was_learned_is_no_other_one(learned, tmp_path):
    with pytest.raises(UserError, match="learned from own; leave --corpus out"):
        find_evaluation_set(RunFolder(tmp_path / "run"), learned, ("a", "b"),
                            Options(corpus="csv", root=learned.data.root))
