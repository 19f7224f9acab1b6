import argparse
import io
import json
import os
import pickle
import re
import struct
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from vaer.errors import UserError
from vaer.weights.pickles import Array, read_file, tensor_of

# {"blobs": {"conv1_w": array([1, 2, 3], float32)}} as Python 2 and numpy 1 wrote it: the old name of the module, and
# the twelve bytes of the array as a string of bytes.
PYTHON2 = (
    b"\x80\x02}U\x05blobs}U\x07conv1_wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x0c\x00\x00\x80?\x00\x00\x00@\x00\x00@@tbss.")


class Hostile:
    """What an attacker would write: a file appears when the pickle is read."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_plain_containers_are_read(tmp_path, protocol):
    content = {"blobs": OrderedDict(a_w=np.arange(6, dtype=np.float32).reshape(2, 3), model_iter=7, lr=np.float32(0.5)),
               "other": [1.5, None, True, ("text", b"bytes")]}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    read = read_file(tmp_path / "x.pkl")
    assert torch.equal(tensor_of(tmp_path, "a_w", read["blobs"].pop("a_w")), torch.arange(6.0).reshape(2, 3))
    content["blobs"].pop("a_w")
    assert read == content


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3).T, np.arange(3, dtype=">f4"), np.arange(3, dtype=np.int64),
    np.array(7.0), np.array([True, False]), np.arange(4, dtype=np.float16)[::2]], ids=str)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_every_layout_of_numbers_is_read(tmp_path, protocol, array):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(array, protocol=protocol))
    tensor = tensor_of(tmp_path, "a", read_file(tmp_path / "x.pkl"))
    wanted = torch.from_numpy(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("=")).reshape(array.shape))
    assert tensor.dtype == wanted.dtype
    assert torch.equal(tensor, wanted)


@pytest.mark.parametrize("array", [np.array([None]), np.array(["text"]), np.zeros(2, dtype=[("a", "f4")]),
                                   np.array([1], "datetime64[s]")], ids=str)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, array):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(array, protocol=2))
    with pytest.raises(UserError, match="asks for arrays of"):
        read_file(tmp_path / "x.pkl")


def test_bytes_that_are_no_array_of_the_shape_are_refused(tmp_path):
    (tmp_path / "x.pkl").write_bytes(PYTHON2.replace(b"(K\x01K\x03\x85", b"(K\x01K\x04\x85"))
    with pytest.raises(UserError, match="nor a pickle of arrays"):
        read_file(tmp_path / "x.pkl")


def test_a_file_of_python_2_is_read(tmp_path):
    (tmp_path / "x.pkl").write_bytes(PYTHON2)
    array = read_file(tmp_path / "x.pkl")["blobs"]["conv1_w"]
    assert torch.equal(tensor_of(tmp_path, "conv1_w", array), torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("call", [os.mkdir, eval, exec, open, np.save, np.fromfile, getattr, np.frombuffer])
def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path, protocol, call):
    target = tmp_path / "made by the file"
    arguments = {eval: (f"__import__('os').mkdir({str(target)!r})",), exec: (f"open({str(target)!r}, 'w')",),
                 open: (str(target), "w"), np.save: (str(target), 1)}.get(call, (str(target),))
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"blobs": {"conv1_w": Hostile(call, *arguments)}}, protocol=protocol))
    with pytest.raises(UserError, match=r"x\.pkl: asks for .*which no weights need: it was not run"):
        read_file(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("beside", "name"), [
    (argparse.Namespace(lr=0.1), "argparse.Namespace"), (torch.ones(1), r"torch\._utils\._rebuild_tensor_v2")])
def test_objects_in_a_pickle_are_told_with_the_remedy(tmp_path, beside, name):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"blobs": {"a": np.ones(1)}, "beside": beside}))
    with pytest.raises(UserError, match=rf"x\.pkl: asks for {name}, which is neither an array nor a plain container: "
                                        r"nothing of it was run; .*`torch\.save\(model\.state_dict\(\), FILE\)`"):
        read_file(tmp_path / "x.pkl")


def test_the_hostile_pickle_would_have_run(tmp_path):
    pickle.loads(pickle.dumps(Hostile(os.mkdir, str(tmp_path / "made"))))
    assert (tmp_path / "made").is_dir()


def test_another_codec_than_that_of_arrays_is_refused(tmp_path):
    import codecs

    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Hostile(codecs.encode, "text", "rot13"), protocol=2))
    with pytest.raises(UserError, match="the codec rot13"):
        read_file(tmp_path / "x.pkl")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_torch_checkpoint_is_known_by_its_content(tmp_path, legacy):
    content = {"model_state": {"a": torch.ones(3)}, "epoch": 3, "cfg": "A: 1"}
    torch.save(content, tmp_path / "x.pkl", _use_new_zipfile_serialization=not legacy)
    read = read_file(tmp_path / "x.pkl")
    assert torch.equal(read["model_state"]["a"], torch.ones(3))
    assert (read["epoch"], read["cfg"]) == (3, "A: 1")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_torch_checkpoint_is_refused_and_runs_nothing(tmp_path, legacy):
    path = tmp_path / "x.pyth"
    torch.save({"a": Hostile(os.mkdir, str(tmp_path / "made"))}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UserError, match=r"x\.pyth: torch does not read it as weights alone"):
        read_file(path)
    assert list(tmp_path.iterdir()) == [path]


def test_safetensors_are_read(tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "x.safetensors")
    assert torch.equal(read_file(tmp_path / "x.safetensors")["a"], torch.ones(3))
    (tmp_path / "x.safetensors").rename(tmp_path / "x.bin")  # what is inside counts
    assert torch.equal(read_file(tmp_path / "x.bin")["a"], torch.ones(3))
    torch.save({"a": torch.zeros(2)}, tmp_path / "y.safetensors")
    assert torch.equal(read_file(tmp_path / "y.safetensors")["a"], torch.zeros(2))


def test_a_torch_checkpoint_cut_anywhere_is_one_sentence(tmp_path):
    """Whatever the ending: torch takes a path that ends in `.safetensors` for such a file, whose errors are its own."""
    for legacy in (True, False):
        torch.save({"a": torch.ones(30)}, tmp_path / "whole", _use_new_zipfile_serialization=not legacy)
        whole = (tmp_path / "whole").read_bytes()
        for number, cut in enumerate(range(0, len(whole), 11)):
            path = tmp_path / ("x.pt", "x.safetensors")[number % 2]
            path.write_bytes(whole[:cut])
            with pytest.raises(UserError, match=rf"^\S*{re.escape(path.name)}: [^\n]*\.$"):
                read_file(path)


def whole_files():
    """One file of each kind, small: safetensors, torch's two, a pickle of arrays."""
    tensors, kinds = {"a": torch.ones(3), "b": torch.zeros(2, 2)}, [save(dict(a=torch.ones(3))), PYTHON2]
    for new in (True, False):
        torch.save(tensors, buffer := io.BytesIO(), _use_new_zipfile_serialization=new)
        kinds.append(buffer.getvalue())
    return kinds


WHOLE_FILES = whole_files()


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(data=st.data())
def test_a_file_whose_bytes_are_damaged_anywhere_is_read_or_one_sentence(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(WHOLE_FILES), label="file"))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4), label="places"):
        content[place] = data.draw(st.integers(0, 255), label="byte")
    path = tmp_path_factory.getbasetemp() / data.draw(st.sampled_from(["damaged.pt", "damaged.safetensors"]))
    path.write_bytes(content)
    with warnings.catch_warnings(action="ignore"):  # torch remarks on numbers of versions that it does not know
        sentence = refusal(path)
    assert sentence is None or re.fullmatch(rf"{re.escape(str(path))}: [^\n]*\.", sentence)


def refusal(path):
    """What reading says of a file that it refuses."""
    try:
        read_file(path)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("header", [
    {"a": {"dtype": "F9", "shape": [1], "data_offsets": [0, 4]}}, {"a": {"dtype": "F32", "shape": [-1]}},
    {"a": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}},
    {"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}, {"a": 1}, {"__metadata__": {"a": 1}}], ids=str)
def test_a_table_of_contents_that_cannot_be_is_one_sentence(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "x.bin").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(UserError, match=r"x\.bin: is not a whole safetensors file \([^\n]*\); copy or download"):
        read_file(tmp_path / "x.bin")


def test_an_old_checkpoint_whose_tensors_are_named_otherwise_than_its_numbers_is_one_sentence(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    content, count = re.subn(rb"(\]q\0X....)\d", rb"\1x", (tmp_path / "x.pt").read_bytes(), flags=re.DOTALL)
    assert count == 1  # the list of the numbers that follow, by name
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pt: torch does not read it as weights alone"):
        read_file(tmp_path / "x.pt")


def test_an_array_without_its_numbers_is_said(tmp_path):
    with pytest.raises(UserError, match="conv1_w is a Array where an array of numbers was expected"):
        tensor_of(tmp_path / "x.pkl", "conv1_w", Array())


@pytest.mark.parametrize("name", ["x.pkl", "x.pyth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", PYTHON2[:90], b"\x80\x02}U\x05blobs"])
def test_a_damaged_file_is_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        read_file(tmp_path / name)


def test_only_arrays_become_tensors(tmp_path):
    assert torch.equal(tensor_of(tmp_path, "a", torch.ones(2)), torch.ones(2))
    for value in (3, "text", None, np.ones(2)):
        with pytest.raises(UserError, match="where an array of numbers was expected"):
            tensor_of(tmp_path, "a", value)


def test_the_type_of_arrays_is_not_called(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Hostile(np.ndarray, (2,), "O", b"0" * 16), protocol=2))
    with pytest.raises(UserError, match="nor a pickle of arrays"):
        read_file(tmp_path / "x.pkl")
