import pickle

import pytest
from makers import make_item

from vaer.data.packed import PackedItems


def test_items_come_back_as_they_were():
    items = [make_item("a b/e-01.mp4"),
             make_item("c.wav", audio_path=None, duration_s=2.5, attributes={"sex": "female"})]
    packed = PackedItems(items)
    assert len(packed) == 2
    assert list(packed) == items
    assert list(pickle.loads(pickle.dumps(packed))) == items  # spawned workers get a copy
    with pytest.raises(IndexError):
        packed[2]
    assert list(PackedItems([])) == []
