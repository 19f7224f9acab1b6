"""Make the starter network's package data from a run that trained on this machine.

    python starter/make.py runs/starter                    # a run of configs/starter*.yaml: writes vaer_starter/run
    python starter/make.py runs/starter --files clip.mp4   # asks both about files, too

Weights with two axes or more become float16; biases, norms and their statistics stay as they are. Settings lose the
folders of this machine, and the states of optimizer and generators stay behind. Nothing is written where an answer of
the smaller network differs from the run's by more than TOLERANCE, or where its weights take more than MOST_BYTES.
"""

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from vaer.atomic_files import write_facts, write_text
from vaer.checks import require
from vaer.config import SAMPLE_RATE
from vaer.errors import UserError
from vaer.inference.predictor import load
from vaer.models.network import load_network
from vaer.records import Batch
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import Recipe, read_recipe

TARGET = Path(__file__).parent / "vaer_starter" / "run"
MOST_BYTES = 10_000_000
TOLERANCE = 0.005
"""By how much a probability may differ between the run and its float16 copy."""
NOTICE = ("CC BY-NC-SA 4.0, no commercial use; it names acted expressions, is often wrong, and must not decide about a "
          "person (docs/starter.md)")
"""What every answer says of the network."""
LEARNED_FROM = "RAVDESS actors 2 to 16, all of EMO-DB and nEMO, and the training part of FER2013"
"""What the scores of a network that starts from this one say."""
FACTS = ("git_commit", "versions", "python", "seed", "protocol", "fold", "classes", "parameters", "precision",
         "finished", "epochs", "best_epoch", "best_validation_uar")
"""What is kept of run.json: nothing of the machine, and nobody's name."""


def main(arguments: list[str] | None = None) -> None:
    """Write the package data and say what it is; ends with one sentence and status 1 where it cannot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of the run")
    parser.add_argument("--files", nargs="+", default=[], help="files that both networks answer as well")
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args(arguments)
    try:
        facts = make(RunFolder(given.run), RunFolder(given.target), given.files)
    except UserError as error:
        sys.exit(f"make.py: {error}")
    print(f"{given.target}: {facts['parameters']} parameters in {facts['bytes']} bytes, SHA-256 {facts['sha256']}; "
          f"probabilities differ by {facts['largest_difference']:.5f} at most from those of {given.run} "
          f"({TOLERANCE} is allowed)")


def make(run: RunFolder, target: RunFolder, files: list[str]) -> dict[str, Any]:
    """Write `target` from `run` and return what its run.json says of the weights; raises UserError."""
    run.require_trained()
    require(run.is_finished(), f"{run}: did not come to its end; go on with --train.resume true.")
    fresh = RunFolder(target.path.with_suffix(".new"))
    shutil.rmtree(fresh.path, ignore_errors=True)
    fresh.best.path.mkdir(parents=True)
    try:
        facts = _write(run, fresh)
        require(facts["bytes"] <= MOST_BYTES, f"{run}: its weights take {facts['bytes']} bytes as float16, and at most "
                                              f"{MOST_BYTES} are allowed; train a smaller network.")
        facts["largest_difference"] = max(differences(run, fresh, files))
        require(facts["largest_difference"] <= TOLERANCE,
                f"{run}: a probability differs by {facts['largest_difference']:.5f} once the weights are float16, and "
                f"at most {TOLERANCE} is allowed; train with a lower --train.lr or more --train.weight_decay.")
        kept = {name: value for name, value in run.facts().items() if name in FACTS}
        write_facts(fresh.facts_path, kept | {"float16": facts | {"tolerance": TOLERANCE}})
        shutil.rmtree(target.path, ignore_errors=True)
        fresh.path.rename(target.path)
    finally:
        shutil.rmtree(fresh.path, ignore_errors=True)
    return facts


def _write(run: RunFolder, fresh: RunFolder) -> dict[str, Any]:
    """Settings and weights, and what is to be known of these."""
    recipe = read_recipe(run.best)  # raises where prediction would
    settings = run.best.settings | recipe.plain() | {"notice": NOTICE, "learned_from": LEARNED_FROM}
    write_facts(fresh.best.config_path, {"settings": without_folders(settings)})
    trained_with = yaml.safe_load(run.config_path.read_text(encoding="utf-8"))
    write_text(fresh.config_path, yaml.safe_dump(without_folders(trained_with), sort_keys=False))
    tensors = as_float16(load_file(run.best.weights_path))
    save_file(tensors, fresh.best.weights_path, metadata={"format": "pt"})
    fresh.best.weights_path.chmod(0o644)  # safetensors keeps its files to their owner
    content = fresh.best.weights_path.read_bytes()
    return {"parameters": sum(tensor.numel() for tensor in load_network(run.best.path).parameters()),
            "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def without_folders(value: Any) -> Any:
    """Plain settings with the last part alone of every path that only this machine has."""
    if isinstance(value, dict):
        return {name: without_folders(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_folders(inner) for inner in value]
    is_local = isinstance(value, str) and (os.path.isabs(value) or value.startswith(("~", "..")))
    return Path(value).name if is_local else value


def as_float16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels as float16, all else as it is; raises UserError where a weight is beyond float16."""
    found = {name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
             for name, tensor in tensors.items()}
    odd = [name for name, tensor in found.items() if not tensor.isfinite().all()]
    require(not odd, f"{', '.join(odd)}: holds weights that float16 has no number for (65504 at most); train with a "
                     f"lower --train.lr or more --train.weight_decay.")
    return found


def differences(run: RunFolder, fresh: RunFolder, files: list[str]) -> Iterator[float]:
    """By how much probabilities differ: on made clips with one modality or both, and on files."""
    networks = [load_network(folder.best.path).eval() for folder in (run, fresh)]
    for seed in range(3):
        batch = made_clips(read_recipe(run.best), seed)
        with torch.inference_mode():
            one, other = (network(batch).logits.softmax(1) for network in networks)
        yield float((one - other).abs().max())
    one, other = (load(folder.path, device="cpu") for folder in (run, fresh))
    for path in files:
        for mine, theirs in zip(one(path).windows, other(path).windows, strict=True):
            pair = mine["probabilities"], theirs["probabilities"]
            yield max((abs(pair[0][name] - pair[1][name]) for name in pair[0] or {}), default=0.0)


def made_clips(recipe: Recipe, seed: int) -> Batch:
    """Six clips of patches and noise, as long as those of training: face and voice, the face alone, the voice alone."""
    generator = torch.Generator().manual_seed(seed)
    count, clip, samples = 6, recipe.clip, round(recipe.window_s * SAMPLE_RATE)
    patches = torch.rand(count * clip.num_frames, 3, 6, 6, generator=generator) * 255
    frames = torch.nn.functional.interpolate(patches, size=(clip.size, clip.size), mode="bilinear")
    frames = frames.unflatten(0, (count, clip.num_frames)).permute(0, 1, 3, 4, 2).to(torch.uint8).contiguous()
    waveform = torch.randn(count, samples, generator=generator) * torch.logspace(-3, -0.5, count).unsqueeze(1)
    has_video, has_audio = torch.tensor([True] * 4 + [False] * 2), torch.tensor([True] * 2 + [False] * 2 + [True] * 2)
    times = (torch.arange(clip.num_frames) + 0.5) / clip.num_frames * recipe.window_s
    return Batch(frames * has_video[:, None, None, None, None], times * has_video[:, None], has_video,
                 waveform * has_audio[:, None], has_audio * samples, has_audio, labels=torch.zeros(count).long(),
                 ids=torch.arange(count), speakers=torch.zeros(count).long())


if __name__ == "__main__":
    main()
