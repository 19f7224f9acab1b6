import pytest
import torch
from makers import tiny_audio, tiny_config, tiny_network, tiny_video
from safetensors.torch import load_file, save_file

from vaer.config import AudioConfig, FusionConfig, VideoConfig
from vaer.errors import UserError
from vaer.models.fusion import FUSIONS
from vaer.training import start as start_module
from vaer.training.start import start_from, start_pretrained
from vaer.weights.records import Weights


@pytest.fixture
def run(tmp_path):
    network = tiny_network(classes=3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.5)
    network.save_pretrained(tmp_path / "best")
    return str(tmp_path)


def test_all_but_a_head_of_other_size_is_loaded(run):
    network = tiny_network(classes=4)
    started = start_from(network, run)
    assert started.left == started.fresh
    assert {name.rsplit(".", 1)[0] for name in started.left} == {
        "video_head.classifier", "audio_head.classifier", "fusion.classifier"}
    assert all((parameter == 0.5).all() for name, parameter in network.named_parameters() if name in started.loaded)
    assert "started at random: 6 (audio_head, fusion, video_head)" in str(started)


def test_classifiers_of_other_classes_start_at_random_though_they_would_fit(run):
    network = tiny_network(classes=3)
    network.classes = ("class1", "class0", "class2")
    started = start_from(network, run)
    assert started.left == started.fresh
    assert len(started.left) == 6
    assert all(".classifier." in name for name in started.left)


@pytest.mark.parametrize("frozen", [{"freeze_batchnorm": True}, {"freeze_batchnorm": False, "freeze": True}])
def test_a_run_without_the_branch_does_not_freeze_it_as_built(tmp_path, frozen):
    tiny_network(video=tiny_video(enabled=False)).save_pretrained(tmp_path / "best")
    with pytest.raises(UserError, match=r"batch-norm statistics for .*slow.*freeze_batchnorm false.*freeze false\.$"):
        start_from(tiny_network(video=tiny_video(**frozen)), str(tmp_path))
    started = start_from(tiny_network(video=tiny_video(freeze_batchnorm=False)), str(tmp_path))
    assert any(name.startswith("audio.") for name in started.loaded)


def test_another_fusion_starts_at_random_and_is_said(run):
    network = tiny_network(classes=3, fusion=FusionConfig(kind="mean"))
    started = start_from(network, run)
    assert started.fresh == []
    assert all(name.startswith("fusion.") for name in started.left)


@pytest.mark.parametrize("kind", sorted(set(FUSIONS) - {"cross_attention"}))
def test_a_fusion_of_another_kind_lends_nothing_that_has_its_names_and_shapes(tmp_path, kind):
    tiny_network(speaker_norm=True).save_pretrained(tmp_path / "best")
    network = tiny_network(fusion=FusionConfig(kind=kind, dim=16, heads=2), speaker_norm=True)
    started = start_from(network, str(tmp_path))
    assert not any(name.startswith(("fusion.", "norms.fused.")) for name in started.loaded)
    assert any(name.startswith("fusion.classifier") for name in started.left)
    assert "norms.video.population" in started.loaded


def test_a_branch_that_is_off_is_left(run):
    network = tiny_network(audio=AudioConfig(enabled=False, preset="tiny", dim=16, heads=2, layers=1))
    assert any(name.startswith("audio.") for name in start_from(network, run).left)


def test_a_branch_of_other_size_is_refused_with_the_settings_that_fit(run):
    network = tiny_network(video=VideoConfig(preset="tiny", width=16))
    with pytest.raises(UserError, match=r"its video\.\* does not fit .* give --model\.video\.preset and its sizes"):
        start_from(network, run)


def test_a_branch_that_saw_other_colours_is_refused(run):
    network = tiny_network(video=VideoConfig(preset="tiny", width=8, standardize=True))
    with pytest.raises(UserError, match=r"learned with --model\.video\.standardize false; give the same"):
        start_from(network, run)


def test_a_missing_or_broken_run_is_named(tmp_path, run):
    with pytest.raises(UserError, match=r"nowhere: holds no best/config\.json; --model\.init wants the folder"):
        start_from(tiny_network(), str(tmp_path / "nowhere"))
    (tmp_path / "best" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        start_from(tiny_network(), run)


@pytest.mark.parametrize("named", [{"video"}, {"audio"}, {"video", "audio"}])
def test_a_branch_and_its_head_start_from_what_its_flag_names_and_nothing_else(run, named):
    sections = {"video": tiny_video(pretrained=run if "video" in named else None),
                "audio": tiny_audio(pretrained=run if "audio" in named else None)}
    network = tiny_network(**sections)
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    reports = start_pretrained(network, tiny_config(**sections))
    assert set(reports) == named
    for name, parameter in network.named_parameters():
        if name.split(".")[0].removesuffix("_head") in named:
            assert (parameter == 0.5).all(), name
        else:
            assert torch.equal(parameter, before[name]), name
    assert all(report.startswith(f"{run}: the {name} branch of a run: ") for name, report in reports.items())
    assert not any(f"{name}_head" in report for name, report in reports.items())  # among what was left


@pytest.mark.parametrize("other", ["classes", "speaker_norm"])
def test_a_head_that_answered_otherwise_is_left(run, other):
    section = tiny_video(pretrained=run)
    network = tiny_network(video=section, speaker_norm=other == "speaker_norm")
    if other == "classes":
        network.classes = ("class1", "class0", "class2")
    before = network.video_head.classifier.weight.clone()
    report = start_pretrained(network, tiny_config(video=section))["video"]
    assert torch.equal(network.video_head.classifier.weight, before)
    assert "another part of the network (" in report


def test_a_branch_that_is_off_needs_no_file():
    sections = {"video": tiny_video(enabled=False, pretrained="nowhere")}
    assert start_pretrained(tiny_network(**sections), tiny_config(**sections)) == {}


@pytest.mark.parametrize("frozen", [{}, {"freeze_batchnorm": False, "freeze": True}])
def test_statistics_that_no_data_formed_are_not_frozen(monkeypatch, frozen):
    def read(source, config):  # as of a 2D network, which knows nothing of the fast pathway
        slow = {name: tensor for name, tensor in network.video.state_dict().items() if name.startswith("slow.")}
        return Weights(slow, {}, "told", {}, fresh=("fast.", "laterals."))

    monkeypatch.setattr(start_module, "read_video", read)
    sections = {"video": tiny_video(pretrained="x", **frozen)}
    network = tiny_network(**sections)
    with pytest.raises(UserError, match=r"no batch-norm statistics for fast and laterals.*freeze_batchnorm false"):
        start_pretrained(network, tiny_config(**sections))
    sections = {"video": tiny_video(pretrained="x", freeze_batchnorm=False)}
    assert "as built: fast.stem.conv.weight" in start_pretrained(network, tiny_config(**sections))["video"]


@pytest.mark.parametrize(("name", "value"), [("fusion.classifier.bias", float("nan")), ("video_head.classifier.bias",
                                                                                      float("inf"))])
def test_weights_that_are_no_numbers_are_not_started_from(run, tmp_path, name, value):
    path = tmp_path / "best" / "model.safetensors"
    tensors = load_file(path)
    tensors[name][0] = value
    save_file(tensors, path)
    network = tiny_network(classes=3)
    with pytest.raises(UserError, match=rf"best: holds NaN or infinite weights \({name}\); start from weights of ano"):
        start_from(network, run)
    assert all(parameter.isfinite().all() for parameter in network.parameters())
    start_from(tiny_network(classes=4), run)  # classifiers of other classes are left in the file


def test_a_branch_that_holds_no_numbers_is_not_started_from(monkeypatch):
    tensors = dict(tiny_network().video.state_dict())
    first = next(iter(tensors))
    tensors[first] = torch.full_like(tensors[first], float("nan"))
    monkeypatch.setattr(start_module, "read_video", lambda *_: Weights(tensors, {}, "a test", {}))
    config = tiny_config(video=tiny_video(pretrained="weights.pt"))
    with pytest.raises(UserError, match=rf"weights\.pt: holds NaN or infinite weights \({first}\)"):
        start_pretrained(tiny_network(), config)
