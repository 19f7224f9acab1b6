import numpy as np
import pytest

from vaer.evaluation.holm import holm


@pytest.mark.parametrize(("p_values", "corrected"), [
    # sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, the last not below the one before it
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    ([0.02], [0.02]), ([], []),
    ([0.5, 0.6, 0.9], [1.0, 1.0, 1.0]),  # 1.5 and 1.2 are cut, and 0.9 is not below them
    ([0.04, 0.04], [0.08, 0.08]),  # equal ones: 0.08, and 0.04 is not below it
    ([0.0, 1.0], [0.0, 1.0])])
def test_each_is_multiplied_by_how_many_are_left(p_values, corrected):
    assert holm(p_values) == pytest.approx(corrected)


def test_what_is_chosen_is_what_the_steps_of_the_definition_choose():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = rng.uniform(0, 0.1, 6)
        chosen = set()
        for step, place in enumerate(np.argsort(p_values)):  # reject until one is above 0.05 / (tests left)
            if p_values[place] > 0.05 / (6 - step):
                break
            chosen.add(int(place))
        assert {place for place, p in enumerate(holm(p_values)) if p <= 0.05} == chosen


def test_what_is_no_p_value_is_our_own_mistake():
    with pytest.raises(AssertionError):
        holm([0.1, float("nan")])
