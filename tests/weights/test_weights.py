"""The one way in: by name, file or folder; what `vaer weights` says."""

import argparse
import json
import pickle

import pytest
import timm
import torch
from makers import shared, tiny_config, tiny_network
from safetensors.torch import save_file

import vaer.weights
from vaer.cli import main
from vaer.config import Config, ModelConfig, VideoConfig, resolve
from vaer.errors import UserError
from vaer.weights import describe, read_audio, read_video
from vaer.weights.records import Weights

CONFIG = tiny_config().model


@pytest.mark.parametrize(("name", "expected"), [
    ("SLOWFAST_8x8_R50.pkl", r"download it from https://dl\.fbaipublicfiles\.com/pyslowfast/model_zoo/kinetics400/"
                             r"SLOWFAST_8x8_R50\.pkl \(264 MB\), which fits --model\.video\.preset r50_8x8\.$"),
    ("SLOWFAST_8x8_R101.pyth", r"pytorchvideo/model_zoo/kinetics/SLOWFAST_8x8_R101\.pyth \(251 MB or more\)"),
    ("slowfast_8x8_r50.pyt", "there is no such file; name a file"),
    ("SLOWFAST_8x8_R50.pyt", r"did you mean SLOWFAST_8x8_R50\.pyth \(https://"),
    ("nothing", r"there is no such file; name a file, the folder of a run, or timm:NAME"),
])
def test_a_missing_file_is_an_error_with_its_address_and_size(tmp_path, name, expected):
    with pytest.raises(UserError, match=expected):
        read_video(str(tmp_path / name), CONFIG.video)


def test_names_that_download_are_described_without_downloading():
    assert "downloaded when a run names them" in describe("timm:resnet50.a1_in1k")[0]
    assert "a name on the Hugging Face hub" in describe("facebook/wav2vec2-base")[0]
    assert "torchaudio bundle" in describe("WAVLM_BASE")[0]
    with pytest.raises(UserError, match="did you mean torchaudio's WAVLM_BASE"):
        describe("WAVLM_BAS")


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(UserError, match="is a folder, but not that of a run"):
        read_video(str(tmp_path), CONFIG.video)


def test_a_file_of_something_else_is_said(tmp_path):
    torch.save({"state_dict": {"encoder.weight": torch.ones(1)}}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"holds encoder\.weight, which is neither a SlowFast network nor a 2D ResNet"):
        read_video(str(tmp_path / "x.pth"), CONFIG.video)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="holds no names at all"):
        read_video(str(tmp_path / "x.pkl"), CONFIG.video)


def test_a_run_gives_both_branches(tmp_path):
    tiny_network().save_pretrained(tmp_path / "best")
    assert read_video(str(tmp_path), CONFIG.video).about == "the video branch of a run"
    audio = read_audio(str(tmp_path), CONFIG.audio)
    assert "mix.weights" in audio.tensors
    assert audio.fresh == ()


def test_a_published_speech_encoder_has_no_mix_of_layers(monkeypatch):
    asked = []
    monkeypatch.setattr(vaer.weights, "read_speech",
                        lambda source, config: asked.append(source) or Weights({}, {}, "told", {}))
    assert read_audio("WAVLM_BASE", CONFIG.audio).fresh == ("mix.",)
    assert asked == ["WAVLM_BASE"]


def test_a_run_is_described_with_the_flags_that_fit(tmp_path, capsys):
    tiny_network().save_pretrained(tmp_path / "best")
    main(["weights", str(tmp_path)])
    shown = capsys.readouterr().out
    assert f"{tmp_path}: the video branch of a run, " in shown
    assert f"fits: --model.video.pretrained {tmp_path} --model.video.preset tiny --model.video.width 8\n" in shown
    assert f"fits: --model.audio.pretrained {tmp_path} --model.audio.preset tiny" in shown
    assert "left: another part of the network (" in shown


def test_a_2d_network_is_described(tmp_path):
    torch.save(timm.create_model("resnet50").state_dict(), tmp_path / "x.pth")
    lines = describe(str(tmp_path / "x.pth"))
    assert lines[0].startswith(f"{tmp_path / 'x.pth'}: a 2D residual network, inflated over time, 318 tensors, ")
    assert lines[1].endswith("--model.video.preset r50_8x8 --model.video.pathways slow")
    assert lines[2] == "  left: classifier of 1000 classes (fc.weight, fc.bias)"


def test_speech_is_described_with_its_warning(monkeypatch):
    told = Weights({"a": torch.zeros(3)}, {}, "told", {})
    monkeypatch.setattr(vaer.weights, "describe_speech", lambda source: told)
    assert describe("amiriparian/ExHuBERT") == [
        "warning: " + vaer.weights.contamination("amiriparian/ExHuBERT"),
        "amiriparian/ExHuBERT: told, 1 tensor, 3 numbers", "  fits: no settings"]


def test_a_missing_file_to_describe_is_one_sentence(capsys, tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["weights", str(tmp_path / "SLOWFAST_4x16_R50.pkl")])
    assert caught.value.code == 2
    assert "download it from https://" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["module", "lightning", "compiled", "args_namespace", "numpy_scalar"])
def test_checkpoints_of_trainers_are_read_to_their_tensors(name):
    """Each holds a kernel and a norm of the stem of the slow pathway, of a network of PyTorchVideo."""
    path = shared("faults") / f"{name}.pth"
    weights = read_video(str(path), CONFIG.video)
    assert set(weights.tensors) == {"slow.stem.conv.weight", "slow.stem.norm.weight"}
    assert weights.about == "a SlowFast network of PyTorchVideo"
    assert describe(str(path))[0].startswith(f"{path}: a SlowFast network of PyTorchVideo, 2 tensors, ")


def test_a_2d_network_inside_a_wrapping_is_the_same_network(tmp_path):
    plain = timm.create_model("resnet50").state_dict()
    torch.save(plain, tmp_path / "plain.pth")
    wrapped = {"state_dict": {f"module._orig_mod.backbone.{name}": value for name, value in plain.items()}
               | {"module.head.weight": torch.ones(3)}, "args": argparse.Namespace(lr=0.1)}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    ours = resolve(Config(model=ModelConfig(video=VideoConfig(pathways="slow")))).model.video
    one, other = (read_video(str(tmp_path / f"{name}.pth"), ours) for name in ("plain", "wrapped"))
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert other.left["head.weight"] == "beside the network"


def test_a_network_in_parts_is_read_by_its_index(tmp_path):
    names = {"blocks.0.multipathway_blocks.0.conv.weight": torch.ones(1), "blocks.0.multipathway_blocks.0.norm.bias":
             torch.zeros(1)}
    for number, (name, tensor) in enumerate(names.items()):
        save_file({name: tensor}, tmp_path / f"{number}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: f"{number}.safetensors" for number, name in enumerate(names)}}))
    assert {name: tensor.item() for name, tensor in read_video(str(index), CONFIG.video).tensors.items()} == {
        "slow.stem.conv.weight": 1, "slow.stem.norm.bias": 0}


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "is a git-lfs pointer"),
    (b"<!doctype html>", "is a web page"), (b"\x1f\x8b\x08", r"is a packed file \(gzip\); unpack it"),
    (bytes(257) + b"ustar", r"is a packed file \(tar\)"), (b"\x89HDF\r\n", "is an HDF5 file, as Keras writes them"),
    (b'{"error": "not found"}', "is text in JSON"), (b"PK\x05\x06" + bytes(18), "is a zip archive of nothing")])
@pytest.mark.parametrize("name", ["x.pth", "x.pkl", "x.safetensors", "x.zip"])
def test_what_is_no_file_of_weights_is_told(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    for look in (describe, lambda path: read_video(path, CONFIG.video)):
        with pytest.raises(UserError, match=f"{name}: {reason}"):
            look(str(tmp_path / name))


def test_a_whole_network_as_an_object_is_told_with_the_remedy(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth: holds a whole network, an object of torch\.nn\.modules\.linear\."
                                        r"Linear whose code would have to run; .*`torch\.save\(model\.state_dict\(\)"):
        read_video(str(tmp_path / "x.pth"), CONFIG.video)


def test_a_file_of_a_speech_encoder_is_told_where_it_belongs(tmp_path):
    torch.save({"wav2vec2.feature_extractor.conv_layers.0.conv.weight": torch.ones(1)}, tmp_path / "x.bin")
    with pytest.raises(UserError, match=r"x\.bin: holds a speech encoder; put it into a folder beside its config"):
        describe(str(tmp_path / "x.bin"))
    with pytest.raises(UserError, match=r"x\.bin: is a file, .*beside its config\.json, .* and name the folder\.$"):
        read_audio(str(tmp_path / "x.bin"), CONFIG.audio)
    (tmp_path / "x.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=r"x\.bin: is a git-lfs pointer"):
        read_audio(str(tmp_path / "x.bin"), CONFIG.audio)


@pytest.mark.parametrize("look", [describe, lambda path: read_video(path, CONFIG.video),
                                  lambda path: read_audio(path, CONFIG.audio)])
def test_settings_that_are_a_pointer_are_told(tmp_path, look):
    (tmp_path / "config.json").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=r"config\.json: is a git-lfs pointer, .*`git lfs pull`\.$"):
        look(str(tmp_path))
