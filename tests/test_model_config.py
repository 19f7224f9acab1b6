import pytest

from vaer.errors import UserError
from vaer.model_config import AudioConfig, FusionConfig, ModelConfig, VideoConfig


@pytest.mark.parametrize("make", [
    lambda: VideoConfig(fusion_kernel=4), lambda: VideoConfig(blocks=[1, 2]), lambda: VideoConfig(dropout=-0.1),
    lambda: VideoConfig(blocks=[1, 1, 0, 1]), lambda: VideoConfig(width=0), lambda: VideoConfig(fusion_kernel=-1),
    lambda: VideoConfig(kind="timm", network="resnet50", layers=-1),
    lambda: AudioConfig(dim=10, heads=4), lambda: AudioConfig(dim=16, heads=0), lambda: FusionConfig(heads=0),
    lambda: AudioConfig(layers_joined=[0]), lambda: AudioConfig(layers_joined=[2, 2]),
    lambda: AudioConfig(band_levels=True, normalize=False), lambda: AudioConfig(preset="tiny", band_levels=True),
    lambda: AudioConfig(preset="tiny", normalize=False, extractor="convolutions", band_levels=True),
    lambda: AudioConfig(preset="tiny", band_gains_db=3.0),
    lambda: AudioConfig(preset="tiny", normalize=False, band_levels=True, band_gains_db=-1.0),
    lambda: AudioConfig(layers_joined=[]), lambda: AudioConfig(layers_joined=[-1, 2]),
    lambda: FusionConfig(kind="mean", add_heads=True), lambda: FusionConfig(dim=10, heads=4),
    lambda: FusionConfig(kind="bottleneck", dim=10, heads=4), lambda: FusionConfig(kind="bottleneck", dim=9, heads=3),
    lambda: FusionConfig(kind="bottleneck", layers=1), lambda: FusionConfig(kind="bottleneck", bottlenecks=0),
    lambda: ModelConfig(video=VideoConfig(enabled=False), audio=AudioConfig(enabled=False)),
    lambda: ModelConfig(modality_dropout=1.5)])
def test_values_out_of_range_name_their_flag(make):
    with pytest.raises(UserError, match=r"--[a-z_.]+"):
        make()


@pytest.mark.parametrize(("section", "settings", "flags"), [
    (VideoConfig, {"network": "resnet50"}, r"video\.network belongs to --model\.video\.kind timm \(now slowfast\)"),
    (VideoConfig, {"layers": 0, "freeze_network": True}, r"video\.layers, freeze_network belongs .* timm"),
    (VideoConfig, {"kind": "timm", "alpha": 4, "preset": "tiny"}, r"video\.preset, alpha belongs .* slowfast \(now t"),
    (VideoConfig, {"kind": "timm", "pathways": "slow"}, r"video\.pathways belongs"),
    (VideoConfig, {"kind": "timm", "blocks": [1, 1, 1, 1]}, r"video\.blocks belongs"),
    (AudioConfig, {"architecture": {}}, r"audio\.architecture belongs to --model\.audio\.kind transformers"),
    (AudioConfig, {"kind": "transformers", "dim": 8}, r"audio\.dim cannot be chosen"),
    (FusionConfig, {"bottlenecks": 8}, r"fusion\.bottlenecks is for --model\.fusion\.kind bottleneck, not cross_att")])
def test_settings_of_another_kind_are_refused(section, settings, flags):
    with pytest.raises(UserError, match=rf"^--model\.{flags}.*leave it out\.$"):
        section(**settings)


@pytest.mark.parametrize("other", [{"layers_used": 4}, {"mix_start": [1]}])
def test_joined_layers_say_alone_which_are_read(other):
    (name, value), = other.items()
    with pytest.raises(UserError, match=rf"^--model\.audio\.layers_joined \[2, 4\] .* --model\.audio\.{name} "):
        AudioConfig(layers_joined=[2, 4], **other)
    assert AudioConfig(layers_joined=[4, 2]).layers_kept == 4
    assert AudioConfig(**other).layers_kept == (value if name == "layers_used" else None)
