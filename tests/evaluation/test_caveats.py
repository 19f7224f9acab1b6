import pytest
from makers import make_scored

from vaer.evaluation.caveats import caveats_against, caveats_of


def caveats(seeds=3, speakers=8, **setting):
    scored = make_scored(speakers=speakers, **setting)
    return caveats_of([scored.facts], scored.predicted, seeds)


def test_a_row_without_anything_special_has_none():
    assert caveats() == []


@pytest.mark.parametrize(("setting", "caveat"), [
    ({"leaks": ["speaker 3 in train and test"]}, "GUARD LIFTED: speaker 3 in train and test"),
    ({"warnings": ["x was trained on them"]}, "may have seen the test: x was trained on them"),
    ({"speaker_norm": True}, "adapted to each test speaker over its 6 unlabelled clips"),
    ({"remark": "redrawn faces"}, "redrawn faces"), ({"clips_cut": 2}, "2 clips cut to the middle"),
    ({"speakers": 7}, "no interval: 7 test speakers, 8 are needed"),
    ({"seeds": 1}, "one seed: the interval is over speakers alone"),
    ({"product_of": ["a:video", "a:audio"]}, "product of the calibrated posteriors of a:video and a:audio"),
    ({"uncalibrated": ["a:video"]}, "not calibrated, for want of validation speakers: a:video")])
def test_what_a_reader_must_know_is_told_in_words(setting, caveat):
    assert caveats(**setting) == [caveat]


def test_unknown_speakers_are_told():
    scored = make_scored(speakers=8)
    scored.predicted.table["speaker"] = ""
    assert caveats_of([scored.facts], scored.predicted, 1) == ["no interval: speakers unknown"]


def test_each_mark_stands_once_however_many_folds_have_it():
    parts = [make_scored(speakers=8, fold=fold, warnings=["seen"], clips_cut=1) for fold in (0, 1)]
    assert caveats_of([part.facts for part in parts], parts[0].predicted, 2) == [
        "may have seen the test: seen", "2 clips cut to the middle"]


def test_files_of_an_older_vaer_lack_facts():
    scored = make_scored(speakers=8)
    kept = {name: scored.facts[name] for name in ("seed", "fold", "protocol", "classes")}
    assert caveats_of([kept], scored.predicted, 2) == []


def test_another_test_than_that_of_the_first_row_is_told():
    first = make_scored(validation="select").facts
    assert caveats_against(first, make_scored(validation="select", modality="audio").facts) == []
    assert caveats_against(first, make_scored(protocol="q", validation="train").facts) == [
        "protocol q, not p as in the first row", "validation train, not select as in the first row"]
