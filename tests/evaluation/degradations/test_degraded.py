import dataclasses

import numpy as np
import pytest
from makers import make_item, tiny_config, tone, write_video, write_wav

from vaer.data.dataset import EvaluationClips, Modalities
from vaer.errors import UserError
from vaer.evaluation.degradations.degraded import DegradedClips, degrade, generator_of, talkers_of
from vaer.evaluation.degradations.kinds import KINDS
from vaer.records import Clip

CONFIG = dataclasses.replace(tiny_config().data, num_workers=0)


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Two films of one speaker, one of another, and a waveform without frames."""
    root = tmp_path_factory.mktemp("degraded")
    made = [make_item(write_video(root / f"{name}.mp4", frames=8, size=(32, 32), turn=180,
                                   sound=tone(0.6, 48_000, hertz)[None]),
                      speaker=speaker) for name, speaker, hertz in (("a", "1", 300), ("b", "1", 500), ("c", "2", 700))]
    return [*made, make_item(write_wav(root / "d.wav", tone(0.5, hertz=900)), speaker="3")]


def clips(items, kind, strength, seed=0):
    return DegradedClips(items, ("happy",), config=CONFIG, wanted=Modalities(), kind=kind, strength=strength, seed=seed)


def same(one, other):
    return all(np.array_equal(*pair) if isinstance(pair[0], np.ndarray) else pair[0] == pair[1]
               for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_strength_zero_is_the_clip_to_the_last_bit(items, kind):
    plain = EvaluationClips(items, ("happy",), config=CONFIG, wanted=Modalities())
    for index in range(len(items)):
        assert same(clips(items, kind, KINDS[kind].none)[0, index], plain[0, index])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_clip_is_changed_the_same_whatever_stands_around_it(items, kind):
    strength = KINDS[kind].strengths[-1]
    first, plain = clips(items, kind, strength)[0, 0], clips(items, kind, KINDS[kind].none)[0, 0]
    assert same(first, clips(items, kind, strength)[0, 0])
    assert not same(first, plain)
    if kind != "babble":  # whose voices are those of the others
        assert same(first._replace(index=1, speaker=0), clips(items[::-1][2:], kind, strength)[0, 1]._replace(
            index=1, speaker=0))


@pytest.mark.parametrize("kind", ["noise", "occlusion", "low_light", "dropped_frames"])
def test_another_seed_or_clip_draws_anew(kind):
    draws = [generator_of(seed, kind, clip, view).uniform() for seed, clip, view in (
        (0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1))]
    assert len(set(draws)) == 4


def test_what_a_clip_lacks_stays_absent(items):
    assert clips(items, "blur", 8.0)[0, 3].frames is None
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    mute = Clip(frames, np.array([0.0, 0.1]), None)
    assert degrade(mute, "noise", 0.0, np.random.default_rng(0)) == mute


def test_audio_that_is_late_moves_the_clock_of_the_frames_alone():
    clip = Clip(np.zeros((2, 4, 4, 3), np.uint8), np.array([0.0, 0.1]), np.ones(3, np.float32))
    late = degrade(clip, "shift", 200.0, np.random.default_rng(0))
    np.testing.assert_allclose(late.frame_times, [-0.2, -0.1])  # what was shown at 0.1 s is heard at 0.3 s now
    assert same(late._replace(frame_times=clip.frame_times), clip)


def test_babble_is_of_other_speakers_where_there_are_some(items):
    babbling = clips(items, "babble", 0.0)
    assert len(babbling._voices(items[0])) == 2  # c and d
    alone = clips(items[:2], "babble", 0.0)
    assert len(alone._voices(items[0])) == 1  # b, of the same speaker
    with pytest.raises(UserError, match="--robustness babble: is made of the voices of other test clips"):
        clips(items[:1], "babble", 0.0)


def test_talkers_are_of_as_many_speakers_as_there_are():
    many = [make_item(f"{number}.wav", speaker=str(number // 10)) for number in range(100)]
    chosen = talkers_of(many, 0)
    assert len(chosen) == 16
    assert {item.speaker for item in chosen} == {str(number) for number in range(10)}
    assert talkers_of(many, 0) == chosen
