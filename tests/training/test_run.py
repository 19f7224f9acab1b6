import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from makers import replace, tone, write_wav
from run_makers import config, weights, write_takes
from safetensors.torch import load_file

from vaer import launch
from vaer.config import AudioConfig, VideoConfig, read_config
from vaer.data.cuts import find_cuts
from vaer.errors import MediaError, RunError, UserError
from vaer.media.decoders import described
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import read_recipe
from vaer.training import run as run_module
from vaer.training.run import train

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_takes(tmp_path_factory.mktemp("corpus"))


def test_clips_that_are_cut_are_counted_first_and_exactly_after_an_epoch(corpus, tmp_path, capsys, monkeypatch):
    settings = config(corpus, tmp_path / "run", train={"epochs": 1, "batch_size": 3})
    settings = replace(settings, "data", max_seconds=0.75)  # first repetitions last 0.7 s, and frames 0.8 s
    monkeypatch.setattr(run_module, "find_cuts", lambda items, data: find_cuts(items, data, most_s=-1.0))
    train(settings)
    said = capsys.readouterr().out
    assert "how long 3 of 3 training clips are is seen when they are read" in said.split("epoch")[0]
    assert "2 of 3 training clips longer than data.max_seconds 0.75, cut to the middle" in said


def test_a_network_that_adapts_to_speakers_wants_to_know_them(tmp_path):
    for number, label in enumerate(("happy", "sad")):
        write_wav(tmp_path / label / "a.wav", tone(0.1 + 0.1 * number))
    settings = config(tmp_path, tmp_path / "run", speaker_norm=True)
    settings = replace(settings, "data", corpus="folders", protocol="all_train")
    with pytest.raises(UserError, match=r"names no speakers, and --model\.speaker_norm true adapts to each of them"):
        train(settings)


def test_clips_of_one_label_are_nothing_to_learn(tmp_path):
    for repetition in "12":
        write_wav(tmp_path / f"03-01-03-01-01-0{repetition}-01.wav", tone(0.1 * int(repetition)))
    settings = config(tmp_path, tmp_path / "run")
    with pytest.raises(UserError, match="1 training clip, all of the label 'happy', so that there is nothing to"):
        train(settings)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_a_run_leaves_all_that_repeats_and_judges_it(corpus, tmp_path, capsys):
    settings = config(corpus, tmp_path / "run")
    train(settings)
    said = capsys.readouterr().out
    assert "8 classes, clips that train + are tested: neutral 1+1, calm 0+0, happy 1+1," in said
    assert "speakers that train: 1, 3 clips each: 1\n" in said
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["finished"]
    assert run["best_epoch"] == 2  # without validation clips the last epoch counts as the best
    assert "speaker-dependent" in run["split"]
    assert {"command", "git_commit", "versions", "machine", "seed"} <= set(run)
    assert run["decoder"] == described("auto")
    known = read_config(tmp_path / "run" / "config.yaml")
    assert known.model.video.alpha == 4  # what the preset decided
    assert known.train.video_lr == 1e-2
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(0 <= row["data_wait"] <= 1 and row["clips_per_s"] > 0 for row in rows)
    assert all(0 <= row["padding"] < 1 for row in rows)
    steps = [json.loads(line) for line in (tmp_path / "run" / "steps.jsonl").read_text().splitlines()]
    assert [(row["epoch"], row["step"]) for row in steps] == [(1, 1), (2, 2)]  # three clips, two of them a step
    assert [row["loss"] for row in steps] == pytest.approx([row["loss"] for row in rows])
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    train(dataclasses.replace(known, output=str(tmp_path / "again")))
    for name, tensor in weights(tmp_path / "run").items():
        assert torch.equal(tensor, weights(tmp_path / "again")[name]), name


@pytest.mark.parametrize(("num_workers", "speaker_norm"), [(0, False), (2, False), (0, True)])
def test_a_run_resumed_in_the_middle_of_an_epoch_ends_the_same(corpus, tmp_path, monkeypatch, num_workers,
                                                               speaker_norm):
    """Dropout on, accumulation 2: interrupted after 1 step of the first epoch, then after the 2nd of the second."""
    def settings(output, resume=False):
        made = config(corpus, output, protocol="all_train", train={"accumulation": 2, "resume": resume, "log_steps": 2},
                      speaker_norm=speaker_norm)
        return dataclasses.replace(made, data=dataclasses.replace(made.data, num_workers=num_workers))

    train(settings(tmp_path / "whole"))
    steps = []
    check = Accelerator.check_trigger

    def interrupted(self):
        steps.append(len(steps))
        if len(steps) in (1, 5):
            self.set_trigger()
        return check(self)

    monkeypatch.setattr(Accelerator, "check_trigger", interrupted)
    for _ in range(2):
        AcceleratorState._reset_state(reset_partial_state=True)
        with pytest.raises(RunError, match=r"Interrupted at step \d of epoch \d; everything is saved"):
            train(settings(tmp_path / "parts", resume=True))
    AcceleratorState._reset_state(reset_partial_state=True)
    train(settings(tmp_path / "parts", resume=True))
    assert len(steps) == 6  # 3 steps an epoch, none done twice
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "parts")[name]), name
    logs = [[json.loads(line) for line in (tmp_path / run / "log.jsonl").read_text().splitlines()]
            for run in ("whole", "parts")]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]
    steps = [(tmp_path / run / "steps.jsonl").read_text() for run in ("whole", "parts")]
    assert [json.loads(line)["step"] for line in steps[0].splitlines()] == [2, 3, 5, 6]
    assert steps[0] == steps[1]  # the first interval and the second epoch were interrupted in their midst
    for key in ("nll", "nll_video", "uar_audio", "grad_norm", "grad_norm_video", "lr_audio"):
        assert [row[key] for row in logs[0]] == pytest.approx([row[key] for row in logs[1]], rel=1e-6)


def test_resuming_a_finished_run_changes_nothing(corpus, tmp_path):
    train(config(corpus, tmp_path / "run"))
    before = weights(tmp_path / "run")
    train(config(corpus, tmp_path / "run", train={"resume": True}))
    assert all(torch.equal(tensor, weights(tmp_path / "run")[name]) for name, tensor in before.items())


def test_another_decoder_may_go_on_with_a_run(corpus, tmp_path):
    train(config(corpus, tmp_path / "run", train={"stop_epoch": 1}))
    settings = config(corpus, tmp_path / "run", train={"stop_epoch": 1, "resume": True})
    train(dataclasses.replace(settings, data=dataclasses.replace(settings.data, decoder="pyav")))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["decoder"].startswith("av ")


def test_a_folder_with_a_run_is_not_overwritten(corpus, tmp_path):
    train(config(corpus, tmp_path / "run", train={"epochs": 1}))
    with pytest.raises(UserError, match=r"holds a run already; .*--train\.resume true"):
        train(config(corpus, tmp_path / "run"))
    with pytest.raises(UserError, match=r"other values of train\.epochs"):
        train(config(corpus, tmp_path / "run", train={"resume": True}))


def test_a_loss_that_is_not_finite_ends_the_run(corpus, tmp_path):
    with pytest.raises(RunError, match=r"The loss became (nan|inf) on the training clips number \[.*lower --train\.lr"):
        train(config(corpus, tmp_path / "run", train={"lr": 1e30, "warmup": 0.0, "clip_norm": 0.0, "optimizer": "sgd",
                                                      "epochs": 20}))


@pytest.mark.parametrize("selects", [False, True])
@pytest.mark.parametrize("name", ["fusion.classifier.bias", "video_head.classifier.bias"])
def test_a_network_that_becomes_nan_at_the_end_of_an_epoch_is_not_kept(corpus, tmp_path, monkeypatch, selects, name):
    """As where the last gradient overflows: the loss before was a number."""
    epochs = []

    def spoil(network, *arguments, **settings):
        train_epoch(network, *arguments, **settings)
        epochs.append(len(epochs))
        if len(epochs) == 2:
            network.get_parameter(name).data[0] = float("nan")

    train_epoch = run_module.train_epoch
    monkeypatch.setattr(run_module, "train_epoch", spoil)
    if selects:
        read = run_module.read_split
        monkeypatch.setattr(run_module, "read_split", lambda data: (read(data)[0], read(data)[1]._replace(
            validation=read(data)[1].train)))
    told = r"first to clip 0.-01-\S+ \(.*" if selects else "weights became NaN or infinite "
    with pytest.raises(RunError, match=rf"{told}.*{name}"):
        train(config(corpus, tmp_path / "run", train={"epochs": 3, "batch_size": 3}))
    assert len(epochs) == 2
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run").values())
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "run/last/model.safetensors").values())
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1


def test_a_gradient_that_is_not_finite_ends_the_run(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Accelerator, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(RunError, match=r"The gradient's norm became inf \(loss .*\) on the training clips number \["):
        train(config(corpus, tmp_path / "run"))


def test_validation_picks_the_best_epoch_and_patience_ends_the_run(corpus, tmp_path, monkeypatch):
    uars = iter([0.2, 0.5, 0.4, 0.5, 0.9])
    nlls = iter([1.0, 1.0, 0.5, 2.0, 0.1])

    class Told:
        probabilities, labels = np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])
        alone = {}

        def __init__(self):
            self.nll = next(nlls)

    monkeypatch.setattr(run_module, "predict", lambda *_, **__: Told())
    monkeypatch.setattr(run_module, "score", lambda *_: type("Score", (), {"uar": next(uars), "war": 0.0}))
    read = run_module.read_split
    monkeypatch.setattr(run_module, "read_split", lambda data: (read(data)[0], read(data)[1]._replace(
        validation=read(data)[1].train)))
    train(config(corpus, tmp_path / "run", train={"epochs": 9, "patience": 2}))
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (run["epochs"], run["best_epoch"], run["best_validation_uar"]) == (4, 2, 0.5)
    recipe = read_recipe(RunFolder(tmp_path / "run").best)
    assert recipe.temperature == 1.0  # a single speaker selects: nobody to try another one on
    assert recipe.preparation is None
    assert 0 < recipe.lengths.median_s <= recipe.lengths.longest_s


def test_init_starts_from_another_run_with_frozen_statistics(corpus, tmp_path):
    train(config(corpus, tmp_path / "first"))
    made = config(corpus, tmp_path / "second", train={"epochs": 1, "lr": 0.0})
    video = dataclasses.replace(made.model.video, freeze_batchnorm=None)
    train(dataclasses.replace(made, model=dataclasses.replace(made.model, video=video, init=str(tmp_path / "first"))))
    before, after = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert json.loads((tmp_path / "second" / "run.json").read_text())["started"].endswith("random: none")


def test_a_resumed_run_keeps_what_it_started_from_and_its_precision(corpus, tmp_path):
    train(config(corpus, tmp_path / "first", train={"epochs": 1}))

    def second(**settings):
        made = config(corpus, tmp_path / "second", train={"epochs": 1} | settings)
        return dataclasses.replace(made, model=dataclasses.replace(made.model, init=str(tmp_path / "first")))

    train(second())
    facts = json.loads((tmp_path / "second" / "run.json").read_text())
    shutil.rmtree(tmp_path / "first")
    train(second(resume=True))
    assert json.loads((tmp_path / "second" / "run.json").read_text())["started"] == facts["started"] is not None
    (tmp_path / "second" / "run.json").write_text(json.dumps(facts | {"precision": "bf16"}))  # as of another launcher
    with pytest.raises(UserError, match=r"began with precision bf16, and the launcher now says no; give the launcher"):
        train(second(resume=True))


def test_branches_of_earlier_runs_are_joined_and_a_resumed_run_needs_them_no_more(corpus, tmp_path):
    train(config(corpus, tmp_path / "first", train={"epochs": 1}))

    def joined(**train):
        made = config(corpus, tmp_path / "joined", train={"epochs": 1, "lr": 0.0} | train)
        named = {"pretrained": str(tmp_path / "first")}
        video = dataclasses.replace(made.model.video, freeze_batchnorm=None, **named)
        model = dataclasses.replace(made.model, video=video, audio=dataclasses.replace(made.model.audio, **named))
        return dataclasses.replace(made, model=model)

    train(joined())
    before, after = weights(tmp_path / "first"), weights(tmp_path / "joined")
    branches = [name for name in before if name.startswith(("video.", "audio."))]
    assert all(torch.equal(before[name], after[name]) for name in branches)  # the statistics too
    assert any(not torch.equal(before[name], after[name]) for name in before if name not in branches)
    run = json.loads((tmp_path / "joined" / "run.json").read_text())["pretrained"]
    assert {name: report.split(":")[0] for name, report in run.items()} == dict.fromkeys(
        ("video", "audio"), str(tmp_path / "first"))
    settings = json.loads((tmp_path / "joined" / "best" / "config.json").read_text())["settings"]["model"]
    assert "pretrained" not in {**settings["video"], **settings["audio"]}
    shutil.rmtree(tmp_path / "first")
    train(joined(resume=True))
    assert json.loads((tmp_path / "joined" / "run.json").read_text())["pretrained"] == run


def test_weights_that_are_not_there_are_one_sentence(corpus, tmp_path):
    made = config(corpus, tmp_path / "run")
    video = dataclasses.replace(made.model.video, pretrained="SLOWFAST_8x8_R50.pkl")
    with pytest.raises(UserError, match=r"SLOWFAST_8x8_R50\.pkl: there is no such file; download it from https://"):
        train(dataclasses.replace(made, model=dataclasses.replace(made.model, video=video)))


@pytest.mark.parametrize("off", ["video", "audio"])
def test_either_branch_alone_trains(corpus, tmp_path, off):
    whole = shutil.copytree(corpus, tmp_path / "corpus", ignore=shutil.ignore_patterns("*.wav"))
    parts = {"video": VideoConfig(preset="tiny", width=8, enabled=False)} if off == "video" else {
        "audio": AudioConfig(preset="tiny", dim=16, heads=2, layers=1, enabled=False)}
    train(config(whole, tmp_path / "run", train={"epochs": 1}, **parts))
    assert not any(name.startswith(f"{off}.") for name in weights(tmp_path / "run"))


def test_a_clip_that_holds_nothing_for_the_network_is_named(corpus, tmp_path):
    with pytest.raises(MediaError, match=r"03-01-05.*\.wav: has no frames, and that is all that the network"):
        train(config(corpus, tmp_path / "run", audio=AudioConfig(preset="tiny", dim=16, heads=2, layers=1,
                                                                 enabled=False)))


def test_a_precision_that_the_machine_lacks_is_one_sentence(corpus, tmp_path, monkeypatch):
    def refuse(**_):
        raise ValueError("fp16 mixed precision requires a GPU")

    monkeypatch.setattr(launch, "join_processes", refuse)
    with pytest.raises(UserError, match=r"--train\.mixed_precision fp16"):
        train(config(corpus, tmp_path / "run", train={"mixed_precision": "fp16"}))


def test_bf16_trains_on_the_processor(corpus, tmp_path):
    train(config(corpus, tmp_path / "run", train={"mixed_precision": "bf16", "epochs": 1}))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["precision"] == "bf16"
