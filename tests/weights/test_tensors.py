import json

import pytest
import torch
from safetensors.torch import save_file

from vaer.errors import UserError
from vaer.weights.tensors import read_tensors


def test_floats_are_float32_and_weight_norm_is_spelled_anew(tmp_path):
    torch.save({"conv.weight_g": torch.ones(2).half(), "conv.weight_v": torch.zeros(2).bfloat16(),
                "count": torch.tensor(3)}, tmp_path / "pytorch_model.bin")
    read = read_tensors(tmp_path)
    assert {name: tensor.dtype for name, tensor in read.items()} == {
        "conv.parametrizations.weight.original0": torch.float32,
        "conv.parametrizations.weight.original1": torch.float32, "count": torch.int64}
    assert read["conv.parametrizations.weight.original0"].tolist() == [1, 1]


@pytest.mark.parametrize(("stem", "save"), [("model.safetensors", save_file), ("pytorch_model.bin", torch.save)])
def test_parts_are_joined(tmp_path, stem, save):
    save({"a": torch.ones(1)}, tmp_path / "first")
    save({"b": torch.zeros(1)}, tmp_path / "second")
    names = {"a": f"{stem}-1", "b": f"../{stem}-2"}  # a path that leads out of the folder is not followed
    index = tmp_path / f"{stem}.index.json"
    if stem.endswith("safetensors"):
        names = {"a": "part-1.safetensors", "b": "../part-2.safetensors"}
    (tmp_path / "first").rename(tmp_path / names["a"])
    index.write_text(json.dumps({"weight_map": names}))
    with pytest.raises(UserError, match=r"index.json: names .*2.*, which is missing"):
        read_tensors(tmp_path)
    (tmp_path / "second").rename(tmp_path / names["b"].removeprefix("../"))
    assert {name: tensor.item() for name, tensor in read_tensors(tmp_path).items()} == {"a": 1, "b": 0}


class Hostile:
    def __reduce__(self):
        return open, ("hostile.txt", "w")


def test_a_hostile_file_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Hostile()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model.bin: torch does not read it .*\(it asks for _?io.open\)"):
        read_tensors(tmp_path)
    assert not (tmp_path / "hostile.txt").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize(("content", "reason"), [
    (b"", r"is empty; make or download the file again\.$"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"is a git-lfs pointer, .*`git lfs pull`\.$"),
    (b"<!DOCTYPE html><html>", r"is a web page, .*; download it again\.$")])
def test_a_file_that_is_not_itself_is_named(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: {reason}"):
        read_tensors(tmp_path)


@pytest.mark.parametrize(("name", "reason"), [
    ("model.safetensors", "is not a whole safetensors file"),
    ("pytorch_model.bin", "is neither a safetensors file, nor a torch checkpoint, nor a pickle of arrays")])
def test_a_file_that_is_not_whole_is_named(tmp_path, name, reason):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(UserError, match=rf"{name}: {reason} .*; copy or download it again"):
        read_tensors(tmp_path)


def test_what_trainers_put_around_the_tensors_is_taken_off(tmp_path):
    torch.save({"state_dict": {"module._orig_mod.a": torch.ones(1)}, "epoch": 3}, tmp_path / "pytorch_model.bin")
    assert {name: tensor.item() for name, tensor in read_tensors(tmp_path).items()} == {"a": 1}


@pytest.mark.parametrize(("index", "reason"), [
    ({"weight_map": {"a": "part-1.safetensors", "b": "part-1.safetensors", "c": "part-1.safetensors"}},
     "names b and others, which no part holds; download all parts and the index from one place"),
    ({"weight_map": {}}, "names no parts"), ({"weight_map": ["part-1.safetensors"]}, "names no parts"),
    ({"weight_map": {"a": 1}}, "names no parts"), ({}, "names no parts")], ids=str)
def test_an_index_that_does_not_fit_its_parts_is_named(tmp_path, index, reason):
    save_file({"a": torch.ones(1)}, tmp_path / "part-1.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=rf"model.safetensors.index.json: {reason}"):
        read_tensors(tmp_path)


def test_a_part_that_is_a_pointer_is_named(tmp_path):
    (tmp_path / "part-1.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "part-1.safetensors"}}))
    with pytest.raises(UserError, match=r"part-1.safetensors: is a git-lfs pointer"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("content", [[torch.ones(1)], {"model": {"a": torch.ones(1), "b": 1}}, {}])
def test_a_file_of_something_else_is_named(tmp_path, content):
    torch.save(content, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model.bin: holds something else beside tensors or instead"):
        read_tensors(tmp_path)


def test_a_folder_without_weights_says_what_it_lacks(tmp_path):
    with pytest.raises(UserError, match=r"has neither model.safetensors nor pytorch_model.bin"):
        read_tensors(tmp_path)
