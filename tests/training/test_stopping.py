import os
import signal

import pytest

from vaer.training import stopping
from vaer.training.stopping import stop_asked, stopping_in_order, stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_one_does_what_it_did(accelerator, number):
    came = []
    before = signal.signal(number, lambda *_: came.append(number))
    try:
        with stopping_in_order(accelerator):
            assert not stop_asked(accelerator)
            os.kill(os.getpid(), number)
            assert stop_asked(accelerator)
            assert came == []
            os.kill(os.getpid(), number)
            assert came == [number]
        os.kill(os.getpid(), number)
        assert came == [number, number]  # as before, once the run is over
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(("ahead", "processes", "asked"), [(False, 1, [1, 2, 7, 8]), (False, 2, [1, 2, 7, 8]),
                                                           (True, 1, []), (True, 2, [8])])
def test_the_device_is_asked_only_where_processes_must_agree(monkeypatch, accelerator, ahead, processes, asked):
    steps = []
    monkeypatch.setattr(stopping, "runs_ahead", lambda device: ahead)
    monkeypatch.setattr(type(accelerator), "num_processes", property(lambda self: processes))
    monkeypatch.setattr(type(accelerator), "check_trigger", lambda self: steps.append(step))
    for step in (1, 2, 7, 8):
        assert not stops(accelerator, step)
    assert steps == asked


@pytest.mark.parametrize("ahead", [False, True])
def test_a_process_alone_stops_at_the_next_step(monkeypatch, accelerator, ahead):
    monkeypatch.setattr(stopping, "runs_ahead", lambda device: ahead)
    assert not stops(accelerator, 1)
    accelerator.set_trigger()
    assert stops(accelerator, 2)
