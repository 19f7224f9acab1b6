"""What a process may spend on a file; how processes end by it stands in test_isolated."""

import os
import resource
import time

import pytest

from vaer.prepare import limits


@pytest.fixture(autouse=True)
def _no_core():
    before = resource.getrlimit(resource.RLIMIT_CPU)
    yield
    resource.setrlimit(resource.RLIMIT_CPU, before)


def allowed(*arguments):
    """Processor time that a call may still take, seconds."""
    limits.allow(*arguments)
    return resource.getrlimit(resource.RLIMIT_CPU)[0] - time.process_time()


@pytest.mark.parametrize(("duration_s", "num_pixels", "minutes"), [
    (0, 0, 1), (59, 100, 1), (1200, 0, 20), (60, 1500 * 1280 * 720 * 4, 4), (120, 1500 * 1280 * 720, 2)])
def test_the_limit_grows_with_the_film(duration_s, num_pixels, minutes):
    assert limits.limited(allowed, (duration_s, num_pixels), "a.mp4", 1000) == pytest.approx(1000 * minutes, abs=2)
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY


def test_the_result_and_errors_come_through():
    assert limits.limited(divmod, [7, 2], "a.mp4", 1000) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        limits.limited(divmod, [7, 0], "a.mp4", 1000)


def test_how_far_a_file_is_stands_in_a_folder_until_it_is_done(tmp_path):
    def work():
        for share in (0.25, 0.5):  # at once: the second is not noted
            limits.reached(share)
        return limits.shares(str(tmp_path))

    assert limits.limited(work, [], "a.mp4", 1000, str(tmp_path)) == {"a.mp4": 0.25}
    assert os.listdir(tmp_path) == []
    limits.reached(0.75)
    (tmp_path / "half written").write_text('["b.mp4", ')
    assert limits.shares(str(tmp_path)) == {}
