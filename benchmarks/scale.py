"""Several processes that train on one processor: clips a second, memory, cost of the gradient exchange; and sharding.

    python benchmarks/scale.py

The demo's network on random batches of 16 clips a step over 1, 2, 4 and 8 processes (gloo), one thread each. A machine
with fewer cores than processes shares them: how the rows compare then says what processes cost, not what they gain.
`exchange` is the mean over all gradients, alone, from bucket to bucket of one size. Then the parameters of two
processes are sharded by torch's `fully_shard`, each layer of the speech encoder a unit, and trained for three steps:
how far losses and weights are from one process with the whole batch. accelerate passes over FSDP on the processor, so
it is torch's own here. Writes benchmarks/results/scale.json.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from accelerate import Accelerator
from torch import distributed, multiprocessing
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from vaer.config import AudioConfig, Config, DataConfig, FusionConfig, ModelConfig, TrainConfig, VideoConfig, resolve
from vaer.cores import usable_cores
from vaer.models.network import VAER, network_settings
from vaer.records import Batch
from vaer.runs.provenance import machine_facts
from vaer.training.loop import train_epoch
from vaer.training.optim import build_optimizer, build_scheduler

RESULT = Path(__file__).parent / "results" / "scale.json"
CLASSES = tuple("abcdefgh")
CLIPS, FRAMES, SIZE, SOUND_S, SHARDED_STEPS = 16, 8, 48, 1.0, 3


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=3, help="that are timed, after one that is not")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    facts = machine_facts()
    result = {"command": f"python {' '.join(sys.argv)}", "seed": 0, "git_commit": facts["git_commit"],
              "machine": facts["machine"], "cores": usable_cores(), "torch": facts["versions"]["torch"],
              "clips_a_step": CLIPS, "rows": []}
    for processes in options.processes:
        rows = spawned(timed, processes, options.steps)
        result["rows"].append(summary(rows, processes))
        print(result["rows"][-1], flush=True)
    alone, [shards, _] = spawned(learned, 1, False)[0], spawned(learned, 2, True)
    result["fully_shard"] = {
        "processes": 2, "steps": SHARDED_STEPS, "parameters": shards["parameters"], "kept_by_one": shards["kept"],
        "losses": [alone["losses"], shards["losses"]],
        "largest_difference_of_losses": max(abs(one - other) for one, other in
                                            zip(alone["losses"], shards["losses"], strict=True)),
        "largest_difference_of_weights": max(float((alone["weights"][name] - weight).abs().max())
                                             for name, weight in shards["weights"].items())}
    print(result["fully_shard"])
    options.out.write_text(json.dumps(result, indent=1) + "\n")


def spawned(work, processes, option):
    """What each of so many processes that form a group comes back with."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()  # for the group
        multiprocessing.spawn(joined, (work, processes, port, option, folder), nprocs=processes)
        return [torch.load(Path(folder) / str(rank), weights_only=True) for rank in range(processes)]


def joined(rank, work, processes, port, option, folder):
    """One process of the group, as a launcher starts it."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port), ACCELERATE_USE_CPU="true", OMP_NUM_THREADS="1")
    accelerator = Accelerator(cpu=True)
    torch.set_num_threads(1)  # it was set for a process of its own
    torch.save(work(accelerator, option), Path(folder) / str(rank))
    accelerator.end_training()


def timed(accelerator, steps):
    """Seconds of each step and of an exchange alone, and the memory of this process."""
    torch.manual_seed(0)
    network = VAER(settings=network_settings(settings(), CLASSES))
    num_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    optimizer = build_optimizer(network, settings().train)
    scheduler = build_scheduler(optimizer, settings().train, steps)
    network, optimizer = accelerator.prepare(network, optimizer)
    batch, ends = share(accelerator, 0), []
    train_epoch(network, [batch] * (1 + steps), optimizer, scheduler, accelerator, settings().train,
                lambda _: ends.append(perf_counter()))
    exchanges, gradients = [], torch.zeros(num_bytes // 4)
    for _ in range(3 * (accelerator.num_processes > 1)):
        started = perf_counter()
        distributed.all_reduce(gradients)
        exchanges.append(perf_counter() - started)
    return {"steps": [end - start for start, end in pairwise(ends)], "exchanges": exchanges,
            "mib_of_gradients": num_bytes / 2**20, "pss_mib": pss_mib()}


def pss_mib():
    """Memory of this process, where a page that several share counts in parts."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return int(rows["Pss"].split()[0]) / 1024


def summary(rows, processes):
    step_s = median(median(row["steps"]) for row in rows)
    exchange_s = median(row["exchanges"][-1] for row in rows) if processes > 1 else 0.0
    return {"processes": processes, "clips_per_s": round(CLIPS / step_s, 2), "step_s": round(step_s, 3),
            "exchange_s": round(exchange_s, 4), "exchange_share": round(exchange_s / step_s, 4),
            "mib_of_gradients": round(rows[0]["mib_of_gradients"], 1),
            "pss_mib_of_each": [round(row["pss_mib"]) for row in rows]}


def learned(accelerator, sharded):
    """Losses and whole weights after a few steps; the mean of the gradients over processes is that of the batch."""
    torch.manual_seed(0)
    network = VAER(settings=network_settings(settings(), CLASSES))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if sharded:
        mesh = init_device_mesh("cpu", (accelerator.num_processes,))
        for layer in network.audio.encoder.transformer.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(network, mesh=mesh)
    optimizer = build_optimizer(network, settings().train)  # of the shards
    scheduler = build_scheduler(optimizer, settings().train, SHARDED_STEPS)
    losses = []
    train_epoch(network, [share(accelerator, step) for step in range(SHARDED_STEPS)], optimizer, scheduler, accelerator,
                settings().train, losses.append)
    named = dict(network.named_parameters())
    kept = sum((value.to_local() if isinstance(value, DTensor) else value).numel() for value in named.values())
    whole = {name: (value.full_tensor() if isinstance(value, DTensor) else value).detach().clone()
             for name, value in named.items()}
    return {"losses": [float(loss) for loss in losses], "weights": whole, "parameters": parameters, "kept": kept}


def settings():
    """The demo's network without chance; batch norms keep their statistics, which a share of a batch would change."""
    model = ModelConfig(video=VideoConfig(preset="tiny", dropout=0.0, freeze_batchnorm=True),
                        audio=AudioConfig(preset="tiny", dropout=0.0), fusion=FusionConfig(dim=128, dropout=0.0))
    train = TrainConfig(batch_size=CLIPS, lr=0.02, optimizer="sgd", warmup=0.0, clip_norm=0.0)
    return resolve(Config(data=DataConfig(num_frames=FRAMES, size=SIZE), model=model, train=train))


def share(accelerator, seed):
    """This process' rows of a batch of `CLIPS` clips."""
    generator, samples = torch.Generator().manual_seed(seed), round(SOUND_S * 16_000)
    present, rows = torch.ones(CLIPS, dtype=torch.bool), torch.arange(CLIPS)
    whole = Batch(torch.randint(0, 256, (CLIPS, FRAMES, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator),
                  torch.linspace(0, SOUND_S, FRAMES).repeat(CLIPS, 1), present,
                  torch.randn(CLIPS, samples, generator=generator) * 0.1, torch.full((CLIPS,), samples), present,
                  labels=rows % len(CLASSES), ids=rows, speakers=rows)
    own = CLIPS // accelerator.num_processes
    return Batch(*(part[accelerator.process_index * own:][:own] for part in whole))


if __name__ == "__main__":
    main()
