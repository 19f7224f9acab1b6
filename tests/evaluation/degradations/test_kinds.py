import pytest

from vaer.errors import UserError
from vaer.evaluation.degradations.degraded import ON_FRAMES, ON_WAVEFORMS
from vaer.evaluation.degradations.kinds import ALL, KINDS, named, possible, shown


def test_every_kind_is_done_by_something():
    assert {name for name, kind in KINDS.items() if kind.needs == ("video",)} == set(ON_FRAMES)
    assert {name for name, kind in KINDS.items() if kind.needs == ("audio",)} == set(ON_WAVEFORMS)
    assert [name for name, kind in KINDS.items() if len(kind.needs) == 2] == ["shift"]


def test_no_kind_measures_clips_as_they_are():
    assert [name for name, kind in KINDS.items() if kind.none in kind.strengths] == []


def test_names_stand_with_commas_between():
    assert named("noise, blur") == ["noise", "blur"]
    assert named(ALL) == list(KINDS)


@pytest.mark.parametrize(("text", "said"), [
    ("nois", "--robustness 'nois' is unknown; choose from babble, blur"), ("", "--robustness '' is unknown"),
    ("noise,", "--robustness '' is unknown"), ("blur,noise,blur", "names blur twice")])
def test_wrong_names_end_in_one_sentence(text, said):
    with pytest.raises(UserError, match=said) as error:
        named(text)
    assert "\n" not in str(error.value)


def test_what_a_network_does_not_use_is_left_out_or_refused():
    assert possible(ALL, ["audio"]) == (["noise", "babble", "opus"],
                                        ["blur", "occlusion", "low_light", "dropped_frames", "jpeg", "shift"])
    assert possible("shift", ["video", "audio"]) == (["shift"], [])
    with pytest.raises(UserError, match=r"--robustness shift: changes video and audio, and the network answers from "
                                        r"audio alone; leave it out\."):
        possible("noise,shift", ["audio"])


def test_strengths_are_short():
    assert [shown(strength) for strength in (10.0, -0.5)] == ["10", "-0.5"]
