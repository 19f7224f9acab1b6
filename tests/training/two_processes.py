"""What test_loop.py starts in one or two processes: five steps of a tiny network on fixed clips, and their outcome."""

import sys

import torch
from accelerate import Accelerator
from makers import make_batch, tiny_network
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from vaer.config import AudioConfig, FusionConfig, TrainConfig, VideoConfig
from vaer.evaluation.predict import predict
from vaer.models.layers.speaker_norm import speaker_norms
from vaer.records import MixedBatch
from vaer.training.loop import train_epoch
from vaer.training.modulation import Modulation
from vaer.training.optim import build_optimizer, build_scheduler
from vaer.training.pareto import Pareto
from vaer.training.probing import fit_heads

STEPS = 5
BATCHES = {"mixed": ([0.5, 0.0, 0.2, 0.35], [True, True, False, True]),
           "split": ([0.0, 0.0, 0.2, 0.35], [True, True, False, False])}
def main(out):
    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    outcomes = {f"{optimizer} {batch}": train(accelerator, optimizer, batch)
                for optimizer in ("sgd", "adamw") for batch in BATCHES}
    outcomes["balanced"] = train(accelerator, "sgd", "mixed", balance=True)
    outcomes["pareto"] = train(accelerator, "sgd", "mixed", pareto=True)
    outcomes["speakers"] = train(accelerator, "sgd", "mixed", speaker_norm=True)
    outcomes["speakers nudged"] = train(accelerator, "sgd", "mixed", speaker_norm=True, nudge=2 ** -23)
    outcomes["probed"] = probe(accelerator)
    outcomes["sharded"] = train(accelerator, "sgd", "mixed", sharded=accelerator.num_processes > 1)
    outcomes["statistics"] = train(accelerator, "sgd", "mixed", freeze_batchnorm=False)
    if accelerator.is_main_process:
        torch.save(outcomes | {"processes": accelerator.num_processes}, out)


def train(accelerator, optimizer_name, batch_name, speaker_norm=False, freeze_batchnorm=True, nudge=0.0,
          sharded=False, balance=False, pareto=False):
    """Gradients of the first step, parameters after the last, what is then known of speakers and answered.

    Each process in turn answers for all clips, while the others have none. Parameters begin off by `nudge` times their
    value, up or down at random. `balance`: classes weigh, clips are mixed, the branch that is ahead is slowed, and
    gradients get noise.
    `pareto`: two gradients of each branch are put together. `sharded`: each keeps a part of every parameter alone.
    """
    network = tiny_network(video=VideoConfig(preset="tiny", width=8, dropout=0.0, freeze_batchnorm=freeze_batchnorm),
                           audio=AudioConfig(preset="tiny", dim=16, heads=2, layers=1, dropout=0.0),
                           fusion=FusionConfig(dim=16, heads=2, layers=1, dropout=0.0), speaker_norm=speaker_norm)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + nudge * (2 * torch.randint(2, parameter.shape, generator=generator) - 1))
    norms = speaker_norms(network)
    for norm in norms:
        norm.remember(torch.tensor([6, 6]))  # ten clips of each come: the oldest ones fade
    config = TrainConfig(lr=0.01, video_lr=0.01, audio_lr=0.01, warmup=0.0, clip_norm=0.0, optimizer=optimizer_name)
    balancing = {"class_weights": torch.tensor([0.5, 2.0, 4.0]),
                 "modulation": Modulation(network, 0.5, noise=True, seed=3)} if balance else {}
    if pareto:
        balancing = {"pareto": Pareto(network, accelerator)}
    if sharded:
        mesh = init_device_mesh("cpu", (accelerator.num_processes,))
        for part in (*network.audio.encoder.transformer.layers, network):
            fully_shard(part, mesh=mesh)
    optimizer = build_optimizer(network, config)
    scheduler = build_scheduler(optimizer, config, STEPS)
    named = dict(network.named_parameters())
    gradients = {}

    def remember(*_):
        if not gradients:
            gradients.update({name: whole(parameter.grad).clone() for name, parameter in named.items()})

    optimizer.register_step_pre_hook(remember)
    if not sharded:
        network, optimizer = accelerator.prepare(network, optimizer)
    train_epoch(network, batches(accelerator, batch_name, mixed=balance), optimizer, scheduler, accelerator, config,
                lambda loss: None, **balancing)
    seconds, video = BATCHES[batch_name]
    learned = {"gradients": gradients,
               "parameters": {name: whole(parameter).detach() for name, parameter in named.items()}}
    if sharded:  # each process would wait for the others, who have no clips to answer for
        return learned
    answers = [predict(network, [make_batch(seconds, video=video)] * (accelerator.process_index == number), accelerator,
                       num_clips=4, views=1) for number in range(accelerator.num_processes)]
    return {**learned,
            "known": {str(number): norm.memory.sums for number, norm in enumerate(norms)},
            "answers": {"first": torch.from_numpy(answers[0].probabilities)},
            "answers of the last": {"first": torch.from_numpy(answers[-1].probabilities)}}


def probe(accelerator):
    """Both heads, fitted to five batches of clips of which this process reads some."""
    network, (seconds, video) = accelerator.prepare(tiny_network(speaker_norm=True)), BATCHES["mixed"]
    for norm in speaker_norms(network):
        norm.remember(torch.tensor([10, 10]))
    clips = [make_batch(seconds, video=video, seed=seed) for seed in range(STEPS)]
    clips = [batch._replace(ids=4 * number + batch.ids) for number, batch in enumerate(clips)]
    clips = clips[accelerator.process_index::accelerator.num_processes]  # of two processes one has a batch more
    fit_heads(network, clips, accelerator, branches=["video", "audio"], strength=None, stopped=lambda: False)
    bare = accelerator.unwrap_model(network)
    return {"parameters": {f"{name}.{part}": parameter.detach() for name in ("video", "audio")
                           for part, parameter in getattr(bare, f"{name}_head").classifier.named_parameters()}}


def whole(tensor):
    """A tensor with the parts that other processes keep."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def batches(accelerator, name, mixed):
    """This process's rows of five batches of four clips; `mixed` ones also have the label of their neighbour."""
    seconds, video = BATCHES[name]
    share = 4 // accelerator.num_processes
    rows = slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)
    wholes = [make_batch(seconds, video=video, seed=seed) for seed in range(STEPS)]
    if mixed:
        wholes = [MixedBatch(*whole, partner_labels=whole.labels[[1, 0, 3, 2]],
                             shares=torch.tensor([0.9, 0.6, 1.0, 0.7])) for whole in wholes]
    return [type(whole)(*(part[rows] for part in whole)) for whole in wholes]


if __name__ == "__main__":
    main(*sys.argv[1:])
