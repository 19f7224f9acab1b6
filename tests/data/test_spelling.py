"""Names that a person takes for one."""

import pytest

from vaer.data.spelling import alike, plain, shown


@pytest.mark.parametrize("spellings", [
    ["1", "01", "001", "1.0", " 1", "01.0", "\uff11"], ["Angry", "angry", "ANGRY ", "an\u200bgry"],
    ["M\u00fcller", "MU\u0308LLER", "m\u00fcller\u00a0"], ["Ma\u00dfe", "MASSE", "ma\u1e9ee"],
    ["Anna  B", "Anna\u00a0B", "anna b", "\uff21nna B", "AnnaB"], ["S01", "s1", "S 1", "S001"], ["10_01", "10_1"],
    ["a-b", "a\u2013b", "A - B"], ["100", "0100"], ["0", "00"], ["1 1", "1  1", "01 1"]])
def test_spellings_of_one_name_are_alike(spellings):
    assert len({plain(name) for name in spellings}) == 1
    assert alike(["other", *spellings, *spellings]) == [tuple(sorted(spellings))]


def test_other_names_stay_apart():
    names = ["1", "10", "100", "1 1", "11", "1.05", "1.5", "a0b01", "a00b1", "S10", "S1", "Anna", "Anne", "Ann\u00e9",
             "0", "0.5", "-1", "a_b", "ab", "1a", "a1"]
    assert alike(names) == []


def test_spellings_that_look_the_same_are_told_by_their_codes():
    assert shown(["01", "1"]) == "'01' and '1'"
    assert shown(["Anna", "anna", "ANNA"]) == "'Anna' and 'anna' and 'ANNA'"
    assert shown(["M\u00fc", "Mu\u0308"]) == r"'M\xfc' and 'Mu\u0308'"
    assert shown(["a b", "a\u00a0b"]) == r"'a b' and 'a\xa0b'"
