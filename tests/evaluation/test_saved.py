import re

import numpy as np
import pandas as pd
import pytest
from makers import leave_scored, make_item, make_scored

from vaer.errors import UserError
from vaer.evaluation.calibration import scale
from vaer.evaluation.saved import attribute_columns, attributes_of, read_scored
from vaer.evaluation.scored import PredictionTable, calibrated, pool


def test_answers_come_back_as_they_were_left(tmp_path):
    scored = make_scored(tmp_path / "run", speakers=8, temperature=1.5, seed=3)
    scored.predicted.table.loc[0, "a"] = 1 / 3  # all digits
    scored.predicted.table["speaker"] = [f"0{name}" for name in scored.predicted.table["speaker"]]  # names, not numbers
    scored.predicted.table["take"] = "NA"
    found = read_scored(leave_scored(scored))
    pd.testing.assert_frame_equal(found.predicted.table, scored.predicted.table, check_dtype=False)
    np.testing.assert_array_equal(found.predicted.probabilities, scored.predicted.probabilities)
    assert found.predicted.classes == ("a", "b", "c")
    assert found.predicted.temperatures == {"0": 1.5}
    assert found.facts == scored.facts


def test_files_without_attributes_and_with_them_are_read(tmp_path):
    scored = make_scored(tmp_path / "run")
    assert attributes_of(read_scored(leave_scored(scored)).predicted.table, ("a", "b", "c")) == []
    table = scored.predicted.table.assign(intensity="01", sex=["", *["female"] * 11])
    leave_scored(scored._replace(predicted=PredictionTable(table, *list(vars(scored.predicted).values())[1:])),
                 "_audio")
    found = read_scored(tmp_path / "run", "_audio").predicted.table
    assert attributes_of(found, ("a", "b", "c")) == ["intensity", "sex"]
    assert found["intensity"].tolist() == ["01"] * 12
    assert found["sex"].tolist() == ["", *["female"] * 11]


def test_attributes_become_columns_and_give_way_to_those_that_are_there():
    items = [make_item("a.mp4", attributes={"fold": "x", "happy": "1", "happy_attribute": "2", "sex": "male"}),
             make_item("b.mp4", attributes={"happy": "3", "mood": "\udce9"})]
    assert attribute_columns(items, ("happy", "sad")) == {
        "fold_attribute": ["x", ""], "happy_attribute": ["1", "3"], "happy_attribute_attribute": ["2", ""],
        "sex": ["male", ""], "mood": ["", r"\xe9"]}
    assert attribute_columns([], ("happy",)) == {}


def test_a_folder_of_folds_is_read_from_its_pooled_answers(tmp_path):
    parts = [make_scored(tmp_path / "run" / f"fold{fold}", fold=fold, temperature=fold + 1.0) for fold in (0, 1)]
    for part in parts:
        leave_scored(part)
    with pytest.raises(UserError, match=rf"pooled/predictions\.csv: is not there; .* `vaer evaluate {tmp_path}/run`"):
        read_scored(tmp_path / "run")
    leave_scored(pool(tmp_path / "run" / "pooled", parts))
    found = read_scored(tmp_path / "run")
    assert len(found.predicted.table) == 24
    by_fold = [scale(part.predicted.probabilities, fold + 1.0) for fold, part in enumerate(parts)]
    np.testing.assert_allclose(calibrated(found.predicted), np.concatenate(by_fold))


@pytest.mark.parametrize(("suffix", "command"), [
    ("", "vaer evaluate RUN"), ("_audio", "vaer evaluate RUN --modality audio"),
    ("_video", "vaer evaluate RUN --modality video"), ("_views5", "vaer evaluate RUN --views 5"),
    ("_adapt4", "vaer evaluate RUN --adapt_clips 4"),
    ("_emodb", "vaer evaluate RUN --corpus csv --root EMODB"),
    ("_my_set_audio_views5_adapt0",
     "vaer evaluate RUN --corpus csv --root MY_SET --modality audio --views 5 --adapt_clips 0")])
def test_what_is_not_there_names_the_command_that_makes_it(tmp_path, suffix, command):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError) as caught:
        read_scored(tmp_path / "run", suffix)
    assert str(caught.value).endswith(f"make it with `{command.replace('RUN', str(tmp_path / 'run'))}`.")


def test_what_is_there_instead_is_told(tmp_path):
    leave_scored(make_scored(tmp_path / "run"))
    leave_scored(make_scored(tmp_path / "run"), "_views5")
    with pytest.raises(UserError, match=r"predictions_audio\.csv: is not there \(there are .*/run, .*/run:views5\)"):
        read_scored(tmp_path / "run", "_audio")
    with pytest.raises(UserError, match="nowhere: there is no such folder"):
        read_scored(tmp_path / "nowhere")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UserError, match=r"run/metrics\.json: is not there"):
        read_scored(tmp_path / "run")


@pytest.mark.parametrize(("change", "message"), [
    (lambda text: "", "is no table of predictions"),
    (lambda text: text.splitlines()[0], "holds no clip"),
    (lambda text: text.replace(",label,", ",truth,", 1), "lacks the columns label"),
    (lambda text: text.replace(",b,b,", ",z,b,"), "the label 'z' of 0-"),
    (lambda text: text.replace(",b,b,", ",b,,"), "the prediction '' of 0-"),
    (lambda text: text + text.splitlines()[1] + "\n", "has 0-0 twice"),
    (lambda text: text.replace("0.1", "much", 1), "holds a probability that is no number"),
    (lambda text: text.replace("0.1", "nan", 1), "NaN or infinite probabilities in 1 clip, first 0-0"),
    (lambda text: text.replace("0.1", "", 1), "probabilit"),
    (lambda text: text[:text.rindex(",")], "probabilit"),
    (lambda text: text + "1,2,3,4,5,6,7,8,9,10,11,12,13,14\n", "is no table of predictions")])
def test_a_damaged_table_is_one_sentence(tmp_path, change, message):
    run = leave_scored(make_scored(tmp_path / "run"))
    path = run / "predictions.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=rf"predictions\.csv: .*{message}.*; write it anew with `vaer evaluate {run}`"):
        read_scored(run)


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read"), ("[]", "no facts by name"),
                                               ('{"classes": []}', "lacks calibration, fold, protocol, seed")])
def test_damaged_scores_are_one_sentence(tmp_path, text, message):
    run = leave_scored(make_scored(tmp_path / "run"))
    (run / "metrics.json").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        read_scored(run)


def test_a_table_that_was_cut_off_is_told_by_the_number_of_its_clips(tmp_path):
    run = leave_scored(make_scored(tmp_path / "run"))
    lines = (run / "predictions.csv").read_text().splitlines(keepends=True)
    (run / "predictions.csv").write_text("".join(lines[:-3]))
    with pytest.raises(UserError, match="holds 9 clips, and metrics beside it are of 12; write both anew with"):
        read_scored(run)
