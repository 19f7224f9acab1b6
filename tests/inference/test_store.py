import json

import numpy as np
import pytest

from vaer.inference.store import VectorStore
from vaer.prepare.faces import Face

HEADER, A, B = {"network": "0"}, {"path": "a"}, {"path": "b"}
FACE = Face(1, 2, 3, 4, 0.5)


def row(number, **vectors):
    return {"window": number}, {kind: np.full(2, value, np.float32) for kind, value in vectors.items()}


def rows_of(store):
    return [(facts["path"], facts["window"], {kind: None if vector is None else vector.tolist()
                                             for kind, vector in vectors.items()}) for facts, vectors in store.rows()]


@pytest.fixture
def folder(tmp_path):
    """A store whose first file is asked and whose second is not yet."""
    store = VectorStore(tmp_path / "store", HEADER)
    assert store.begin(A) == (0, {}, None, False)
    store.add([(7, [FACE])], [row(0, video=1, audio=2), row(1, audio=3)])
    store.end()
    store.begin(B)
    store.add([(8, [])], [row(0, audio=4)])
    return tmp_path / "store"


def test_rows_come_back_in_order_and_what_is_absent_is_none(folder):
    store = VectorStore(folder, HEADER)
    assert store.begin(A) == (2, {7: [FACE]}, None, True)
    assert store.begin(B) == (1, {8: []}, None, False)
    store.add([], [row(1, video=5)])
    store.end()
    assert rows_of(store) == [("a", 0, {"video": [1, 1], "audio": [2, 2]}), ("a", 1, {"video": None, "audio": [3, 3]}),
                              ("b", 0, {"video": None, "audio": [4, 4]}), ("b", 1, {"video": [5, 5], "audio": None})]
    assert (store.count, store.dims) == (4, {"video": 2, "audio": 2})
    store.close()
    assert not folder.exists()


def test_a_file_that_cannot_be_read_has_no_rows_and_is_not_read_again(folder):
    store = VectorStore(folder, HEADER)
    store.begin(A)
    store.begin(B)
    store.end("is broken")
    store.begin({"path": "c"})
    store.add([], [row(0, audio=6)])
    store.end()
    again = VectorStore(folder, HEADER)
    assert [again.begin(facts).error for facts in (A, B, {"path": "c"})] == [None, "is broken", None]
    assert rows_of(again)[2:] == [("c", 0, {"video": None, "audio": [6, 6]})]


@pytest.mark.parametrize("header", [{"network": "1"}, {}])
def test_rows_of_other_settings_are_forgotten(folder, header):
    store = VectorStore(folder, header)
    assert store.begin(A) == (0, {}, None, False)
    store.end()
    assert rows_of(store) == []
    assert not (folder / "audio.f4").exists()


def test_of_files_that_are_not_asked_about_now_nothing_stays(folder):
    store = VectorStore(folder, HEADER)
    assert store.begin(A).done
    assert [name for name, *_ in rows_of(store)] == ["a", "a"]


def test_numbers_that_no_line_counts_are_cut_off_and_lines_without_numbers_too(folder):
    with (folder / "audio.f4").open("ab") as file:
        file.write(b"1234567")
    store = VectorStore(folder, HEADER)
    store.begin(A)
    store.begin(B)
    assert (folder / "audio.f4").stat().st_size == 3 * 2 * 4
    (folder / "audio.f4").write_bytes(b"")  # as after a power cut
    store = VectorStore(folder, HEADER)
    assert store.begin(A) == (0, {}, None, False)
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert lines == [HEADER, {"file": A}]
