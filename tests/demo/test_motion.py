import numpy as np
import pytest

from vaer.demo.face import UNITS
from vaer.demo.motion import Motion, ease, lids, sway

TIMES_S = np.arange(50) / 25


def test_ease_goes_from_0_to_1_and_stays_there():
    assert ease(np.array([-1, 0, 0.5, 1, 2])).tolist() == [0, 0, 0.5, 1, 1]


def test_lids_are_shut_in_the_middle_of_a_blink_alone():
    shut = lids(TIMES_S, np.array([0.4, 1.6]))
    assert shut[[10, 40]] == pytest.approx(1)
    assert shut[[0, 25, 49]].tolist() == [0, 0, 0]


def test_a_head_sways_a_little_and_smoothly():
    poses = np.array(sway(np.random.default_rng(0), TIMES_S))
    assert len(poses) == len(TIMES_S)
    assert 0 < np.abs(np.diff(poses, axis=0)).max() < 0.05


def test_motion_opens_the_mouth_as_told():
    opening = np.linspace(0, 5, len(TIMES_S))
    motion = Motion.make(np.random.default_rng(0), TIMES_S, opening)
    assert np.array_equal(motion.units[:, UNITS.index("AU25")], opening)
    assert motion.units[:, UNITS.index("AU45")].max() > 3
    assert not motion.units[:, UNITS.index("AU12")].any()
