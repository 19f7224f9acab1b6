import dataclasses
import json

import pytest
import torch
from makers import replace, tiny_config, tiny_network, tiny_video

from vaer.config import AudioConfig, VideoConfig, write_config
from vaer.errors import UserError
from vaer.runs.folder import BestFolder, best_of
from vaer.weights import read_video
from vaer.weights.own import branches_of, fitting_settings, overlap, read_own
from vaer.weights.records import apply


@pytest.fixture
def run(tmp_path):
    network = tiny_network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.5)
    network.save_pretrained(tmp_path / "run" / "best")
    return tmp_path / "run"


@pytest.mark.parametrize("branch", ["video", "audio"])
def test_a_branch_is_taken_whole_and_the_rest_is_left(run, branch):
    weights = read_own(best_of(str(run)), branch)
    network = tiny_network()
    loaded = apply(getattr(network, branch), weights, str(run))
    assert loaded.fresh == []
    assert all((parameter == 0.5).all() for parameter in getattr(network, branch).parameters())
    assert {name.split(".")[0] for name in loaded.left} == {
        "video", "audio", "video_head", "audio_head", "fusion"} - {branch}
    assert f"the {branch} branch of a run" in str(loaded)


def test_a_run_with_an_image_network_gives_its_branch_and_says_its_flags(tmp_path):
    tiny_network(video=tiny_video(kind="timm")).save_pretrained(tmp_path / "best")
    config = tiny_config(video=tiny_video(kind="timm")).model.video
    weights = read_video(str(tmp_path), config)
    assert weights.settings == {"model.video.kind": "timm", "model.video.network": "test_resnet",
                                "model.video.layers": 1, "model.video.dim": 16, "model.video.heads": 2}
    assert apply(tiny_network(video=tiny_video(kind="timm")).video, weights, "run").fresh == []
    other = tiny_config(video=tiny_video(kind="timm", network="test_resnet.r160_in1k")).model.video
    with pytest.raises(UserError, match=r"has --model\.video\.network test_resnet; give the same"):
        read_video(str(tmp_path), other)


def test_a_run_is_named_by_its_folder_or_that_of_its_weights(run, tmp_path):
    assert best_of(str(run)) == best_of(str(run / "best")) == BestFolder(run / "best")
    assert best_of(str(tmp_path)) is None
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')  # a folder of transformers
    assert best_of(str(tmp_path)) is None
    (tmp_path / "config.json").write_text("[1]")
    assert best_of(str(tmp_path)) is None


def test_the_settings_that_fit_are_those_that_differ_from_the_preset(run):
    best = best_of(run)
    assert read_own(best, "video").settings == {"model.video.preset": "tiny", "model.video.width": 8}
    assert read_own(best, "audio").settings == {
        "model.audio.preset": "tiny", "model.audio.layers": 1, "model.audio.dim": 16, "model.audio.heads": 2}
    # Of a version with fewer settings:
    section = {"preset": "tiny", "kind": "slowfast", "pathways": "slow", "width": 16}
    assert fitting_settings(section, "video") == {"model.video.preset": "tiny", "model.video.pathways": "slow"}


def test_a_branch_of_other_size_is_refused_with_the_settings_that_fit(run):
    network = tiny_network(video=VideoConfig(preset="tiny", width=16))
    with pytest.raises(UserError, match=r"It fits --model\.video\.preset tiny --model\.video\.width 8\."):
        apply(network.video, read_own(BestFolder(run / "best"), "video"), str(run))


def test_a_branch_that_was_off_is_refused(tmp_path):
    tiny_network(audio=AudioConfig(enabled=False, preset="tiny", dim=16, heads=2, layers=1)).save_pretrained(tmp_path)
    assert branches_of(BestFolder(tmp_path)) == ["video"]
    with pytest.raises(UserError, match="was trained without the audio branch"):
        read_own(BestFolder(tmp_path), "audio")


def test_a_run_that_is_not_whole_is_named(run):
    (run / "best" / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: there is no such file"):
        read_own(BestFolder(run / "best"), "video")
    (run / "best" / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json: is not JSON"):
        best_of(str(run))


@pytest.mark.parametrize(("data", "warned"), [
    ({}, False), ({"fold": 2}, True), ({"protocol": "all_train"}, True), ({"corpus": "demo", "fold": 2}, False),
    ({"validation": "train"}, True)])
def test_a_run_under_another_split_of_the_same_corpus_may_know_who_is_tested(run, data, warned):
    config = tiny_config()
    assert overlap(str(run), config.data) is None  # without its settings nothing is known
    write_config(replace(config, "data", **data), run / "config.yaml")
    warning = overlap(str(run), config.data)
    assert (warning is not None) == warned
    assert not warned or "it may have seen speakers who select or are tested under ravdess_contig6 fold 0" in warning


@pytest.mark.parametrize(("theirs", "data", "warned"), [
    ({}, {"protocol": "moment56"}, False),  # 9-24 trained, 5-8 selected: who select and are tested are the same
    ({"fold": 1}, {"protocol": "moment56"}, True),  # 1-4 trained
    ({"validation": "train"}, {"protocol": "moment56"}, True),  # 5-8 trained
    ({"fold": 5}, {"protocol": "demo24", "fold": 0}, True),  # 1-4 selected
    ({"protocol": "all_train"}, {"protocol": "moment56"}, True)])
def test_published_splits_tell_whether_they_keep_their_speakers_apart(run, theirs, data, warned):
    demo = replace(tiny_config(), "data", corpus="demo", protocol="demo24")
    write_config(replace(demo, "data", **theirs), run / "config.yaml")
    assert (overlap(str(run), replace(demo, "data", **data).data) is not None) == warned


def test_tables_are_one_corpus_where_their_names_are(run):
    config = replace(tiny_config(), "data", corpus="csv", root="data/nemo", protocol="speakers5")
    write_config(config, run / "config.yaml")
    other = replace(config, "data", root="data/emodb", fold=1)
    assert overlap(str(run), other.data) is None
    assert "learned from nemo under speakers5 fold 0" in overlap(str(run), replace(other, "data", root="nemo").data)


def test_the_settings_of_a_run_are_json(run):
    assert json.loads((run / "best" / "config.json").read_text())["settings"]["model"]["video"]["width"] == 8


@pytest.mark.parametrize("settings", [3, {}, {"model": 1}])
def test_settings_of_something_else_are_no_run(tmp_path, settings):
    (tmp_path / "config.json").write_text(json.dumps({"settings": settings}))
    assert best_of(str(tmp_path)) is None


def test_a_branch_that_saw_other_colours_is_refused(run):
    config = tiny_network().video.config
    assert read_video(str(run), config).tensors
    with pytest.raises(UserError, match=r"run: its video branch learned with --model\.video\.standardize false"):
        read_video(str(run), dataclasses.replace(config, standardize=True))
