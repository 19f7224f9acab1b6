"""Two processes equal one with twice the batch, in the gradients and in what they train."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from makers import make_batch, tiny_network
from torch.utils._python_dispatch import TorchDispatchMode

from vaer.config import AudioConfig, FusionConfig, TrainConfig, VideoConfig
from vaer.errors import RunError
from vaer.models.layers.speaker_norm import speaker_norms
from vaer.presence import note_rows, rows_of
from vaer.training import readings
from vaer.training.loop import train_epoch
from vaer.training.losses import clip_counts, emotion_loss
from vaer.training.meter import Meter
from vaer.training.modulation import COEFFICIENTS, Modulation
from vaer.training.optim import build_optimizer, build_scheduler

WORKER = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What `two_processes.py` saved with one and with two processes."""
    out = tmp_path_factory.mktemp("outcomes") / "out.pt"
    return {processes: run(processes, out) for processes in (1, 2)}


def run(processes, out):
    """Started as torchrun starts them, but for a process that does nothing else."""
    paths = os.pathsep.join(str(folder) for folder in WORKER.parents[1:3])  # of makers and of vaer
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": paths,
                        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    started = [subprocess.Popen([sys.executable, "-W", "ignore", str(WORKER), str(out)], text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=env | {"RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(processes)]
    try:
        said = [process.communicate(timeout=240)[1] for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert [process.returncode for process in started] == [0] * processes, "".join(said)[-3000:]
    saved = torch.load(out, weights_only=True)
    assert saved["processes"] == processes  # accelerate can start one and say nothing
    return saved


def largest_difference(one, other):
    """Largest difference between two dicts of tensors, each tensor relative to its own largest value.

    A tensor smaller than a hundredth of the largest one counts against that: what is zero but for rounding (the bias
    of the keys in attention) or nearly cancels has no digits of its own.
    """
    floor = max(tensor.abs().max() for tensor in other.values()) / 100
    return max(((one[name] - other[name]).abs().max() / other[name].abs().max().clamp(min=floor)).item()
               for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("batch", ["mixed", "split"])
def test_two_processes_equal_one_with_twice_the_batch(outcomes, optimizer, batch):
    """`mixed`: unequal lengths, missing modalities; `split`: one process sees frames only, the other audio only."""
    one, two = (outcomes[processes][f"{optimizer} {batch}"] for processes in (1, 2))
    assert largest_difference(two["gradients"], one["gradients"]) < 1e-5
    if optimizer == "sgd":  # AdamW divides by the gradient's size, and so makes rounding visible
        assert largest_difference(two["parameters"], one["parameters"]) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["balanced", "pareto"])
def test_two_processes_balance_classes_and_branches_as_one_does(outcomes, name):
    """`balanced`: with noise in the gradients, which is the same in both: else weights would drift apart."""
    one, two, plain = outcomes[1][name], outcomes[2][name], outcomes[1]["sgd mixed"]
    for part in ("gradients", "parameters"):
        assert largest_difference(two[part], one[part]) < 1e-5
        assert largest_difference(one[part], plain[part]) > 0.01


@pytest.mark.slow
def test_two_processes_that_share_every_parameter_equal_one(outcomes):
    """torch's own sharding, each layer of the speech encoder a unit: what FSDP does behind accelerate."""
    one, two = (outcomes[processes]["sharded"] for processes in (1, 2))
    for part in ("gradients", "parameters"):
        assert largest_difference(two[part], one[part]) < 1e-5


@pytest.mark.slow
def test_two_processes_know_of_speakers_what_one_does(outcomes):
    """But for rounding, which this norm multiplies: it divides by deviations, of which the least is 0.006 here.

    So one process that begins a bit off, in the last place of its parameters, ends 5e-4 off in them; that is the
    bound. Processes that each learn of their own clips alone end 8 off, and 5 in what they know of speakers.
    """
    one, two = (outcomes[processes]["speakers"] for processes in (1, 2))
    nudged = outcomes[1]["speakers nudged"]
    assert one["known"]["0"][:, 0].tolist() == [5, 6]  # in each step one of the first speaker's clips has no frames
    assert one["known"]["2"][:, 0].tolist() == [6, 6]
    for part in ("known", "parameters", "answers"):
        rounding = largest_difference(nudged[part], one[part])
        assert rounding < 1e-3
        assert largest_difference(two[part], one[part]) < rounding


@pytest.mark.slow
def test_processes_without_clips_wait_for_nobody_and_all_would_answer_alike(outcomes):
    two = outcomes[2]["statistics"]
    torch.testing.assert_close(two["answers of the last"], two["answers"], rtol=0, atol=0)


def test_accumulated_parts_have_the_gradient_of_the_whole():
    network = tiny_network(video=VideoConfig(preset="tiny", width=8, dropout=0.0, freeze_batchnorm=True),
                           audio=AudioConfig(preset="tiny", dim=16, heads=2, layers=1, dropout=0.0),
                           fusion=FusionConfig(dim=16, heads=2, layers=1, dropout=0.0))
    network.train()
    whole = make_batch([0.4, 0.0, 0.3, 0.2], video=[True, True, False, True])
    gradients = []
    for rows in ([slice(0, 4)], [slice(0, 1), slice(1, 4)]):
        network.zero_grad()
        parts = [type(whole)(*(part[row] for part in whole)) for row in rows]
        for part in parts:
            emotion_loss(network(part), part, clip_counts(parts), TrainConfig()).backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in network.named_parameters()})
    assert largest_difference(*gradients) < 1e-5


@pytest.mark.slow
def test_two_processes_fit_the_heads_that_one_does(outcomes):
    one, two = (outcomes[processes]["probed"]["parameters"] for processes in (1, 2))
    assert one["audio.weight"].abs().max() > 0.01
    assert largest_difference(two, one) < 1e-3  # features differ by rounding


class Reads(TorchDispatchMode):
    """Collects the operations that read a number from the device: on a GPU each waits for all before it."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique", "repeat_interleave")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.name().split("::")[1].split(".")[0]
        if name.startswith(self.WAITING):
            self.found.append(name)
        return function(*arguments, **options or {})


class Over:
    """The event after which a GPU has a number."""

    def query(self):
        return False

    def synchronize(self):
        pass


def reads_of_two_steps(accelerator, monkeypatch, known, network=None, balance=False, **settings):
    """What is read in two steps of two micro-batches, were the processor a GPU."""
    monkeypatch.setattr(readings, "runs_ahead", lambda device: True)
    monkeypatch.setattr(readings, "copied", lambda numbers: (torch.from_numpy(numbers.numpy().copy()), Over()))
    network = tiny_network() if network is None else network
    config = TrainConfig(batch_size=4, accumulation=2, lr=1e-3, video_lr=1e-3, audio_lr=1e-3, **settings)
    optimizer = build_optimizer(network, config)
    scheduler = build_scheduler(optimizer, config, 2)
    network, optimizer = accelerator.prepare(network, optimizer)
    batches = [make_batch([0.4, 0.3 * (seed > 1)], seed=seed, video=[True, seed < 3]) for seed in range(4)]
    if known:
        batches = [batch._replace(has_video=note_rows(batch.has_video, rows_of(batch.has_video)),
                                  has_audio=note_rows(batch.has_audio, rows_of(batch.has_audio))) for batch in batches]
    for norm in speaker_norms(network):
        norm.remember(torch.from_numpy(np.array([4, 4])))
    balancing = {"class_weights": torch.ones(3),
                 "modulation": Modulation(network, 0.5, noise=True, seed=0)} if balance else {}
    with Reads() as reads:
        train_epoch(network, batches, optimizer, scheduler, accelerator, config, lambda loss: None,
                    Meter(network, accelerator, COEFFICIENTS if balance else ()), **balancing)
    return reads.found


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 0.0}, {"optimizer": "sgd"}, {"label_smoothing": 0.1},
                                      {"balance": True}])
def test_a_step_reads_nothing_from_the_device(accelerator, monkeypatch, settings):
    assert reads_of_two_steps(accelerator, monkeypatch, known=True, **settings) == []


def test_a_step_of_a_network_that_adapts_to_speakers_reads_nothing(accelerator, monkeypatch):
    network = tiny_network(speaker_norm=True)
    assert reads_of_two_steps(accelerator, monkeypatch, known=True, network=network) == []
    assert all(norm.population[0] == 1 for norm in speaker_norms(network))


def test_the_device_is_asked_where_nobody_knows_which_clips_lack_a_modality(accelerator, monkeypatch):
    """Which also shows that reads are seen: of four micro-batches, each with two branches."""
    found = reads_of_two_steps(accelerator, monkeypatch, known=False)
    assert len(found) == 4 * 2


def test_what_is_not_finite_is_said_although_nobody_waits(accelerator, monkeypatch):
    network = tiny_network()
    network.fusion.classifier.bias.data[0] = float("nan")
    with pytest.raises(RunError, match=r"The loss became nan on the training clips number \[0, 0, 1, 1\]"):
        reads_of_two_steps(accelerator, monkeypatch, known=True, network=network)
