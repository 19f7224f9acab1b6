"""Starting from the weights of another run, or from published ones."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from vaer.config import Config
from vaer.errors import UserError
from vaer.finite import listed, odd_tensors
from vaer.models.layers.statistics import batch_norms
from vaer.models.network import VAER
from vaer.runs.folder import BestFolder, best_of
from vaer.weights import read_audio, read_video
from vaer.weights.contamination import warnings_of
from vaer.weights.own import read_whole, require_same_colours
from vaer.weights.records import apply
from vaer.words import counted

BRANCHES = ("video.", "audio.")
FUSION = ("fusion.", "norms.fused.")
"""Of another kind their tensors may have the same names and shapes, and mean something else."""
CLASSIFIER = ".classifier."


class Started(NamedTuple):
    """What became of the tensors of both sides."""

    loaded: list[str]
    left: list[str]
    """In the file, not taken: classifiers of other classes, a fusion of another kind or size, a branch that is off."""
    fresh: list[str]
    """In the network, not in the file: these start at random."""

    def __str__(self) -> str:
        return (f"{counted(len(self.loaded), 'tensor')} loaded; left in the file: {_summary(self.left)}; "
                f"started at random: {_summary(self.fresh)}")


def begin(network: VAER, config: Config) -> dict[str, Any]:
    """Give a network the weights that its settings name; what is to be said of that, and which branches got some.

    Raises UserError as `start_from` and `start_pretrained` do.
    """
    started = start_from(network, config.model.init) if config.model.init else None
    pretrained = start_pretrained(network, config)
    given = {*pretrained, *(name.split(".")[0] for name in (started.loaded if started else []))}
    return {"started": None if started is None else str(started), "pretrained": pretrained,
            "warnings": warnings_of(config), "given": [name for name in network.branches if name in given]}


def described(origin: dict[str, Any], init: str | None) -> list[str]:
    """What `begin` did, in lines; `init` is the run that it started from."""
    lines = [f"start from {init}: {origin['started']}"] if origin["started"] else []
    lines += [f"{branch} branch starts from {report}" for branch, report in origin["pretrained"].items()]
    return lines + [f"WARNING: {warning}" for warning in origin["warnings"]]


def start_from(network: VAER, run: str) -> Started:
    """Load the best weights of another run; a fusion that does not fit and classifiers of other classes are left.

    A branch that both have must fit whole: UserError, which names the first tensor that does not. So must one whose
    batch norms are frozen.
    """
    best = best_of(run)
    if best is None:
        raise UserError(f"{run}: holds no best/config.json; --model.init wants the folder of a run that trained.")
    video = network.video
    if video is not None:
        require_same_colours(best, video.config, run)
    theirs = read_whole(best)
    ours = network.state_dict()
    fitting = {name: tensor for name, tensor in theirs.items() if name in ours and tensor.shape == ours[name].shape}
    if best.settings["model"]["fusion"]["kind"] != network.settings["model"]["fusion"]["kind"]:
        fitting = {name: tensor for name, tensor in fitting.items() if not name.startswith(FUSION)}
    if best.classes != network.classes:  # as many would fit, and answer for others
        fitting = {name: tensor for name, tensor in fitting.items() if CLASSIFIER not in name}
    for branch in BRANCHES:
        if any(name.startswith(branch) for name in ours) and any(name.startswith(branch) for name in theirs):
            _require_whole(branch, ours, theirs, fitting, best)
    _require_finite(best, fitting)
    network.load_state_dict(fitting, strict=False)
    started = Started(sorted(fitting), sorted(set(theirs) - set(fitting)), sorted(set(ours) - set(fitting)))
    if video is not None and (video.config.freeze or video.config.freeze_batchnorm):
        _require_learned(video, [name.removeprefix("video.") for name in started.fresh], run)
    return started


def start_pretrained(network: VAER, config: Config) -> dict[str, str]:
    """Give each branch the weights that `pretrained` names, and of a run its head; a report for every branch with some.

    Raises UserError where they are not there or do not fit, and where batch norms that they lack would be frozen.
    """
    reports = {}
    for name, branch, section, read in (("video", network.video, config.model.video, read_video),
                                        ("audio", network.audio, config.model.audio, read_audio)):
        if branch is None or section.pretrained is None:
            continue
        loaded = apply(branch, read(section.pretrained, section), section.pretrained)
        _require_finite(section.pretrained, branch.state_dict())
        if name == "video" and (section.freeze or section.freeze_batchnorm):
            _require_learned(branch, loaded.fresh, section.pretrained)
        taken = _take_head(network, name, section.pretrained)
        loaded = loaded._replace(left={one: why for one, why in loaded.left.items() if one not in taken},
                                 loaded=[*loaded.loaded, *taken])
        reports[name] = f"{section.pretrained}: {loaded}"
    return reports


def _take_head(network: VAER, branch: str, source: str) -> list[str]:
    """Give a branch's own head that of the run it starts from; the names taken, none where it answered otherwise."""
    best, prefix = best_of(source), f"{branch}_head."
    if best is None or best.classes != network.classes:
        return []
    if best.settings["model"]["speaker_norm"] != network.settings["model"]["speaker_norm"]:  # it saw other vectors
        return []
    theirs = {name: tensor for name, tensor in read_whole(best).items() if name.startswith(prefix)}
    ours = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(prefix)}
    if {name: tensor.shape for name, tensor in theirs.items()} != {name: tensor.shape for name, tensor in ours.items()}:
        return []
    _require_finite(source, theirs)
    network.load_state_dict(theirs, strict=False)
    return sorted(theirs)


def _require_finite(source: object, tensors: dict[str, Tensor]) -> None:
    """Refuse weights with which no answer would be a number."""
    odd = odd_tensors(tensors)
    if odd:
        raise UserError(f"{source}: holds NaN or infinite weights ({listed(odd)}); start from weights of another epoch "
                        f"or run, or copy the file again.")


def _require_learned(branch: nn.Module, fresh: list[str], source: str) -> None:
    """Refuse frozen statistics that no data has formed; `fresh` are the tensors that `source` did not have."""
    frozen = {id(norm) for norm in batch_norms(branch)}
    names = {name for name, module in branch.named_modules() if id(module) in frozen}
    unformed = sorted({name.split(".")[0] for name in fresh if name.rpartition(".")[0] in names})
    if unformed:
        hint = ", or --model.video.pathways slow" if branch.config.kind == "slowfast" and "slow" not in unformed else ""
        raise UserError(f"{source}: has no batch-norm statistics for {' and '.join(unformed)}, which would stay frozen "
                        f"as built; give --model.video.freeze_batchnorm false and --model.video.freeze false"
                        f"{hint}.")


def _require_whole(branch: str, ours: dict, theirs: dict, fitting: dict, best: BestFolder) -> None:
    names = {name for name in {**ours, **theirs} if name.startswith(branch)}
    odd = sorted(names - set(fitting))
    if odd:
        shapes = [tuple(side[odd[0]].shape) if odd[0] in side else "absent" for side in (theirs, ours)]
        raise UserError(f"{best}: its {branch}* does not fit ({odd[0]} is {shapes[0]} there and {shapes[1]} here); "
                        f"give --model.{branch}preset and its sizes the values in {best.config_path}.")


def _summary(names: list[str]) -> str:
    parts = sorted({name.split(".")[0] for name in names})
    return f"{len(names)} ({', '.join(parts)})" if names else "none"
