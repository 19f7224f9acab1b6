"""Starting from the weights of another run, or from published ones."""

from pathlib import Path
from typing import NamedTuple

from torch import nn

from vaer.config import Config
from vaer.errors import UserError
from vaer.models.layers.statistics import batch_norms
from vaer.models.network import VAER
from vaer.weights import read_audio, read_video
from vaer.weights.own import require_same_colours
from vaer.weights.pickles import read_file
from vaer.weights.records import Loaded, apply

BRANCHES = ("video.", "audio.")


class Started(NamedTuple):
    """What became of the tensors of both sides."""

    loaded: list[str]
    left: list[str]
    """In the file, not taken: heads or a fusion of another kind or size, or a branch that is switched off here."""
    fresh: list[str]
    """In the network, not in the file: these start at random."""

    def __str__(self) -> str:
        return (f"{len(self.loaded)} tensors loaded; left in the file: {_summary(self.left)}; "
                f"started at random: {_summary(self.fresh)}")


def start_from(network: VAER, run: str) -> Started:
    """Load the best weights of another run; a head or a fusion that does not fit stays as it is, and is listed.

    A branch that both have must fit whole: UserError, which names the first tensor that does not.
    """
    path = Path(run) / "best" / "model.safetensors"
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; --model.init wants the folder of a run that trained.")
    if network.video is not None:
        require_same_colours(path.parent, network.video.config, run)
    theirs = read_file(path)
    ours = network.state_dict()
    fitting = {name: tensor for name, tensor in theirs.items() if name in ours and tensor.shape == ours[name].shape}
    for branch in BRANCHES:
        if any(name.startswith(branch) for name in ours) and any(name.startswith(branch) for name in theirs):
            _require_whole(branch, ours, theirs, fitting, path)
    network.load_state_dict(fitting, strict=False)
    return Started(sorted(fitting), sorted(set(theirs) - set(fitting)), sorted(set(ours) - set(fitting)))


def start_pretrained(network: VAER, config: Config) -> dict[str, str]:
    """Give each branch the weights that `pretrained` names; a report for every branch that has got some.

    Raises UserError where they are not there or do not fit, and where batch norms that they lack would be frozen.
    """
    reports = {}
    for name, branch, section, read in (("video", network.video, config.model.video, read_video),
                                        ("audio", network.audio, config.model.audio, read_audio)):
        if branch is None or section.pretrained is None:
            continue
        loaded = apply(branch, read(section.pretrained, section), section.pretrained)
        if name == "video" and (section.freeze or section.freeze_batchnorm):
            _require_learned(branch, loaded, section.pretrained)
        reports[name] = f"{section.pretrained}: {loaded}"
    return reports


def _require_learned(branch: nn.Module, loaded: Loaded, source: str) -> None:
    """Statistics that no data has formed are no ground to stand on."""
    frozen = {id(norm) for norm in batch_norms(branch)}
    names = {name for name, module in branch.named_modules() if id(module) in frozen}
    unformed = sorted({name.split(".")[0] for name in loaded.fresh if name.rpartition(".")[0] in names})
    if unformed:
        raise UserError(f"{source}: has no batch-norm statistics for {' and '.join(unformed)}, which would stay frozen "
                        f"as built; give --model.video.freeze_batchnorm false and --model.video.freeze false, or "
                        f"--model.video.pathways slow.")


def _require_whole(branch: str, ours: dict, theirs: dict, fitting: dict, path: Path) -> None:
    names = {name for name in {**ours, **theirs} if name.startswith(branch)}
    odd = sorted(names - set(fitting))
    if odd:
        shapes = [tuple(side[odd[0]].shape) if odd[0] in side else "absent" for side in (theirs, ours)]
        raise UserError(f"{path}: its {branch}* does not fit ({odd[0]} is {shapes[0]} there and {shapes[1]} here); "
                        f"give --model.{branch}preset and its sizes the values in {path.parent.parent}/config.yaml.")


def _summary(names: list[str]) -> str:
    parts = sorted({name.split(".")[0] for name in names})
    return f"{len(names)} ({', '.join(parts)})" if names else "none"
