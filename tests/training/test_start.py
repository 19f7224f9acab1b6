import pytest
import torch
from makers import tiny_network

from vaer.config import AudioConfig, FusionConfig, VideoConfig
from vaer.errors import UserError
from vaer.training.start import start_from


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


def test_another_fusion_starts_at_random_and_is_said(run):
    network = tiny_network(classes=3, fusion=FusionConfig(kind="mean"))
    started = start_from(network, run)
    assert started.fresh == []
    assert all(name.startswith("fusion.") for name in started.left)


def test_a_branch_that_is_off_is_left(run):
    network = tiny_network(audio=AudioConfig(enabled=False, preset="tiny", dim=16, heads=2, layers=1))
    assert any(name.startswith("audio.") for name in start_from(network, run).left)


def test_a_branch_of_other_size_is_refused_with_the_settings_that_fit(run):
    network = tiny_network(video=VideoConfig(preset="tiny", width=16))
    with pytest.raises(UserError, match=r"its video\.\* does not fit .* give --model\.video\.preset and its sizes"):
        start_from(network, run)


def test_a_missing_or_broken_run_is_named(tmp_path, run):
    with pytest.raises(UserError, match="there is no such file"):
        start_from(tiny_network(), str(tmp_path / "nowhere"))
    (tmp_path / "best" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        start_from(tiny_network(), run)
