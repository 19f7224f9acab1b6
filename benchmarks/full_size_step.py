"""Memory and seconds of a training step of the full-size network on the processor, in bf16 or fp32.

    python benchmarks/full_size_step.py --video SLOWFAST_8x8_R50.pyth --audio WAVLM_FOLDER

WavLM-base with SlowFast R50 8x8, gradient checkpointing in both, 2 clips of 32 pictures of 224 x 224 and 4 s of sound;
random pictures and sound; without the flags the branches start at random. Two steps, of which the second finds the
optimizer's state in place. Writes benchmarks/results/full_size_step.json, or full_size_step_no.json for fp32.
"""

import argparse
import json
import resource
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import torch
from accelerate.utils import set_seed

from vaer.config import AudioConfig, Config, DataConfig, ModelConfig, TrainConfig, VideoConfig, resolve
from vaer.models.network import VAER, network_settings
from vaer.records import Batch
from vaer.runs.provenance import machine_facts
from vaer.training.loop import train_epoch
from vaer.training.optim import build_optimizer, build_scheduler
from vaer.training.run import build_accelerator
from vaer.training.start import start_pretrained

RESULT = Path(__file__).parent / "results" / "full_size_step.json"
CLASSES = tuple("abcdefgh")
CLIPS, PICTURES, SIZE, SECONDS, STEPS, SEED = 2, 32, 224, 4.0, 2, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", help="weights that the video branch starts from")
    parser.add_argument("--audio", help="weights that the audio branch starts from")
    parser.add_argument("--precision", choices=("bf16", "no"), default="bf16", help="of the forward pass; no is fp32")
    options = parser.parse_args()
    config = settings(options.video, options.audio, options.precision)
    set_seed(SEED)
    accelerator = build_accelerator(config)
    network = VAER(settings=network_settings(config, CLASSES))
    reports = start_pretrained(network, config)
    optimizer = build_optimizer(network, config.train)
    scheduler = build_scheduler(optimizer, config.train, STEPS)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    network, optimizer = accelerator.prepare(network, optimizer)
    before_gib, ends = peak_gib(), [perf_counter()]
    losses = []
    train_epoch(network, [random_batch() for _ in range(STEPS)], optimizer, scheduler, accelerator, config.train,
                lambda loss: (ends.append(perf_counter()), losses.append(loss)))
    facts = machine_facts()
    result = {"command": f"python {' '.join(sys.argv)}", "seed": SEED, "git_commit": facts["git_commit"],
              "machine": facts["machine"], "torch": facts["versions"]["torch"], "threads": torch.get_num_threads(),
              "parameters": parameters, "clips": CLIPS, "pictures": PICTURES, "size": SIZE, "sound_s": SECONDS,
              "precision": accelerator.mixed_precision, "started_from": reports,
              "gib_before_the_first_step": before_gib, "peak_gib": peak_gib(),
              "step_s": [round(end - start, 1) for start, end in pairwise(ends)], "losses": losses}
    path = RESULT if options.precision == "bf16" else RESULT.with_stem("full_size_step_no")
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def settings(video, audio, precision):
    model = ModelConfig(
        video=VideoConfig(preset="r50_8x8", gradient_checkpointing=True, pretrained=video),
        audio=AudioConfig(preset="wavlm_base", gradient_checkpointing=True, pretrained=audio))
    return resolve(Config(data=DataConfig(num_frames=PICTURES, size=SIZE, num_workers=0), model=model,
                          train=TrainConfig(batch_size=CLIPS, mixed_precision=precision)))


def random_batch():
    samples = round(SECONDS * 16_000)
    present = torch.ones(CLIPS, dtype=torch.bool)
    return Batch(torch.randint(0, 256, (CLIPS, PICTURES, SIZE, SIZE, 3), dtype=torch.uint8),
                 torch.linspace(0, SECONDS, PICTURES).repeat(CLIPS, 1), present, torch.randn(CLIPS, samples) * 0.1,
                 torch.full((CLIPS,), samples), present, labels=torch.arange(CLIPS), ids=torch.arange(CLIPS),
                 speakers=torch.arange(CLIPS))


def peak_gib():
    """The most memory that this process has held so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)  # KiB on Linux


if __name__ == "__main__":
    main()
