import dataclasses
import os
from pathlib import Path

import pytest
import yaml

from vaer.config import (
    AudioConfig,
    AugmentConfig,
    ClipConfig,
    Config,
    DataConfig,
    EvaluateConfig,
    ModelConfig,
    TrainConfig,
    VideoConfig,
    read_config,
    resolve,
    write_config,
)
from vaer.errors import UserError

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_recipe_is_whole(path):
    config = resolve(read_config(path))
    assert config.output != Config().output
    assert path.read_text().startswith("# ")
    assert f"--config configs/{path.name}" in path.read_text()


@pytest.mark.parametrize("path", sorted(CONFIGS[0].parent.glob("accelerate/*.yaml")), ids=lambda path: path.name)
def test_every_file_for_accelerate_is_one(path):
    from accelerate.commands.config.config_args import load_config_from_file

    loaded = load_config_from_file(str(path))
    assert loaded.num_processes == yaml.safe_load(path.read_text())["num_processes"]


@pytest.mark.parametrize("make", [
    lambda: DataConfig(fold=-1), lambda: DataConfig(size=8), lambda: DataConfig(window_s=0.0),
    lambda: AugmentConfig(zoom=0.5), lambda: AugmentConfig(flip=1.5),
    lambda: resolve(Config(model=ModelConfig(video=VideoConfig(kind="timm")))),
    lambda: resolve(Config(train=TrainConfig(mixup=0.4), model=ModelConfig(speaker_norm=True))),
    lambda: resolve(Config(train=TrainConfig(ogm_ge=0.1), model=ModelConfig(audio=AudioConfig(enabled=False)))),
    lambda: resolve(Config(train=TrainConfig(mmpareto=True), model=ModelConfig(audio=AudioConfig(enabled=False)))),
    lambda: resolve(Config(model=ModelConfig(video=VideoConfig(kind="timm", network="resnet50", dim=10)))),
    lambda: TrainConfig(epochs=0), lambda: TrainConfig(batch_size=3, accumulation=2), lambda: Config(seed=-1)])
def test_values_out_of_range_name_their_flag(make):
    with pytest.raises(UserError, match=r"--[a-z_.]+"):
        make()


def test_presets_fill_what_is_none_and_nothing_else():
    config = resolve(Config(model=ModelConfig(video=VideoConfig(preset="r50_4x16", fusion_kernel=7))))
    assert (config.model.video.alpha, config.model.video.fusion_kernel) == (8, 7)
    assert config.model.video.freeze_batchnorm is False
    assert config.train.video_lr == config.train.lr
    assert resolve(Config(model=ModelConfig(init="runs/x"))).model.video.freeze_batchnorm is True
    assert resolve(Config(model=ModelConfig(video=VideoConfig(pretrained="x")))).model.video.freeze_batchnorm is True
    assert resolve(config) == config


def test_an_image_network_takes_any_number_of_frames_and_the_name_of_its_weights():
    video = VideoConfig(kind="timm", pretrained="timm:resnet50.a1_in1k")
    config = resolve(Config(data=DataConfig(num_frames=7), model=ModelConfig(video=video)))
    assert config.model.video.network == "resnet50.a1_in1k"
    assert (config.model.video.layers, config.model.video.alpha) == (2, None)
    assert resolve(config) == config
    assert resolve(Config(model=ModelConfig(video=VideoConfig(kind="timm", enabled=False)))).model.video.network is None


@pytest.mark.parametrize(("branch", "section"), [("video", VideoConfig), ("audio", AudioConfig)])
def test_a_branch_starts_from_one_place(branch, section):
    with pytest.raises(UserError, match=rf"--model\.init and --model\.{branch}\.pretrained both say"):
        resolve(Config(model=ModelConfig(init="runs/x", **{branch: section(pretrained="runs/y")})))
    off = section(pretrained="runs/y", enabled=False)
    assert resolve(Config(model=ModelConfig(init="runs/x", **{branch: off}))).model.init == "runs/x"


def test_frames_that_alpha_does_not_divide_are_refused_with_a_remedy():
    with pytest.raises(UserError, match=r"num_frames 30 .*alpha 4; try 28"):
        resolve(Config(data=DataConfig(num_frames=30)))


def test_the_fast_pathway_takes_any_number_of_frames():
    video = VideoConfig(pathways="fast")
    assert resolve(Config(data=DataConfig(num_frames=30), model=ModelConfig(video=video))).data.num_frames == 30


@pytest.mark.parametrize("config", [
    Config(evaluate=EvaluateConfig(views=3)),
    Config(data=DataConfig(window_s=2.0, augment=AugmentConfig(crop=0.9)))])
def test_settings_that_would_do_nothing_are_refused(config):
    with pytest.raises(UserError, match=r"--(evaluate\.views|data\.augment\.crop)"):
        resolve(config)


def probing(video=None, audio=None, **train):
    return Config(train=TrainConfig(probe_first=True, **train), model=ModelConfig(
        video=VideoConfig(**{"enabled": False} | (video or {})), audio=AudioConfig(**audio or {})))


def test_no_dropout_stands_before_a_head_that_is_fitted_first():
    assert resolve(Config(model=ModelConfig(audio=AudioConfig(dropout=0.2)))).model.audio.head_dropout == 0.2
    assert resolve(probing(audio={"pretrained": "there"})).model.audio.head_dropout == 0.0
    both = resolve(probing(video={"enabled": True, "dropout": 0.5}, audio={"pretrained": "there"})).model
    assert both.video.dropout == 0.5  # of a branch that starts at random, whose head is not fitted


@pytest.mark.parametrize(("video", "audio", "message"), [
    ({}, {}, r"--train\.probe_first true fits heads of branches that start from weights, and none does; give --model"),
    ({"pretrained": "there"}, {}, "and none does"),  # a branch that is off
    ({"enabled": True, "pretrained": "there"}, {}, r"--model\.video\.dropout 0\.5 undoes .*set it to 0"),
    ({}, {"pretrained": "there", "head_dropout": 0.1}, r"--model\.audio\.head_dropout 0\.1 undoes .*leave it out")])
def test_what_would_undo_heads_that_are_fitted_first_is_refused(video, audio, message):
    with pytest.raises(UserError, match=message):
        resolve(probing(video, audio))


@pytest.mark.parametrize(("model", "message"), [
    (ModelConfig(video=VideoConfig(gradient_checkpointing=True)),
     r"--model\.video\.gradient_checkpointing true does not go through"),
    (ModelConfig(audio=AudioConfig(kind="transformers", architecture={"model_type": "wavlm"})),
     r"--model\.audio\.kind transformers reads clips one length at a time")])
def test_what_cannot_be_compiled_is_refused(model, message):
    with pytest.raises(UserError, match=message + r".*--train\.compile true"):
        resolve(Config(model=model, train=TrainConfig(compile=True)))
    resolve(Config(model=model))
    off = dataclasses.replace(model.video, enabled=False), dataclasses.replace(model.audio, gradient_checkpointing=True)
    if model.audio.kind == "wav2vec":  # a branch that is off is no hindrance, nor the audio branch's checkpointing
        resolve(Config(model=ModelConfig(video=off[0], audio=off[1]), train=TrainConfig(compile=True)))


def test_a_written_config_comes_back_whole(tmp_path):
    config = resolve(Config(data=DataConfig(trim_db=30.0), train=TrainConfig(lr=3e-4)))
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config
    assert set(yaml.safe_load((tmp_path / "config.yaml").read_text())) == {f.name for f in dataclasses.fields(Config)}


@pytest.mark.parametrize("content", ["data:\n  foldd: 1\n", "data: [1\n", "train: {lr: much}\n"])
def test_a_file_that_is_no_config_is_named(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml: cannot be read as settings"):
        read_config(tmp_path / "config.yaml")


def test_a_pointer_instead_of_a_config_is_told(tmp_path):
    (tmp_path / "config.yaml").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
    with pytest.raises(UserError, match=r"config\.yaml: is a git-lfs pointer, .*`git lfs pull`\.$"):
        read_config(tmp_path / "config.yaml")


def test_a_missing_config_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.yaml"):
        read_config(tmp_path / "nothing.yaml")


def test_how_clips_are_cut_stands_by_itself_and_its_flags_stay(tmp_path):
    (tmp_path / "old.yaml").write_text("data: {num_frames: 8, window_s: 1.5, fold: 2}\n")
    data = read_config(tmp_path / "old.yaml").data
    assert data.clip == ClipConfig(num_frames=8, window_s=1.5)
    assert (data.clip.sample_rate, data.fold) == (16_000, 2)
    write_config(Config(data=data), tmp_path / "new.yaml")
    assert read_config(tmp_path / "new.yaml").data == data
    with pytest.raises(UserError, match=r"--data\.num_frames is 0"):
        ClipConfig(num_frames=0)


@pytest.mark.parametrize(("where", "settings"), [
    ("output", lambda name: {"output": name}), ("data.root", lambda name: {"data": DataConfig(root=name)}),
    ("model.init", lambda name: {"model": ModelConfig(init=name)})])
def test_names_that_no_config_yaml_can_hold_are_refused_before_any_work(where, settings):
    with pytest.raises(UserError, match=rf"--{where} caf\\xe9: its name holds bytes that are not UTF-8"):
        Config(**settings(os.fsdecode(b"caf\xe9")))
