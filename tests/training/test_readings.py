import pytest
import torch

from vaer.training import readings as module
from vaer.training.readings import Readings, runs_ahead

GPU = torch.device("cuda")


class Event:
    """As of a GPU that has not come so far yet."""

    def __init__(self):
        self.over = False

    def query(self):
        return self.over

    def synchronize(self):
        self.over = True


@pytest.fixture
def events(monkeypatch):
    made = []
    monkeypatch.setattr(module, "copied", lambda numbers: (numbers.clone(), made.append(Event()) or made[-1]))
    return made


def test_a_processor_is_read_at_once():
    told, readings = [], Readings(torch.device("cpu"))
    readings.add(torch.tensor([1.0, 2.0]), told.append)
    assert told == [[1.0, 2.0]]
    assert not runs_ahead(torch.device("cpu"))


def test_a_gpu_is_not_waited_for_but_by_two_steps(events):
    told, readings = [], Readings(GPU)
    for number in range(2):
        readings.add(torch.tensor([float(number)]), told.append)
    assert told == []
    readings.add(torch.tensor([2.0]), told.append)
    assert told == [[0.0]]  # two steps late: it was waited for
    assert [event.over for event in events] == [True, False, False]
    events[1].over = events[2].over = True
    readings.add(torch.tensor([3.0]), told.append)
    assert told == [[0.0], [1.0], [2.0]]
    assert not events[3].over
    readings.finish()
    assert told == [[0.0], [1.0], [2.0], [3.0]]
