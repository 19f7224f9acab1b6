"""One fold or all of them, and the refit afterwards: which runs a command stands for."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import wait_for_everyone

from vaer.config import Config, ModelConfig, resolve
from vaer.data.census import require_classes
from vaer.data.protocols import num_folds, read_split
from vaer.errors import UserError
from vaer.runs.folder import RunFolder, of_fold
from vaer.training.lock import held
from vaer.training.resume import require_resumable
from vaer.training.run import build_accelerator, train
from vaer.weights.decide import decide


def train_folds(config: Config) -> None:
    """Train every run that `config` stands for; finished folds of `--data.fold all` are skipped.

    Folds stand in OUTPUT/fold0, fold1, ...; refits in OUTPUT-refit in the same way. Raises UserError or RunError.
    """
    config = dataclasses.replace(config, output=str(Path(config.output)))
    accelerator = build_accelerator(config)
    runs = expand(config)
    for run in runs:  # what is wrong with the last fold is said before the first one has trained for hours
        split = read_split(run.data)[1]
        require_classes(run.data.root, split)
        if config.train.refit and not split.validation:
            raise UserError(f"--train.refit wants validation clips that choose an epoch; fold {run.data.fold} of "
                            f"--data.protocol {config.data.protocol} with --data.validation {config.data.validation} "
                            f"leaves none.")
    # The folder of all folds for the whole time, that of a single run in `train`.
    with held(Path(config.output), accelerator) if config.data.fold == "all" else nullcontext():
        for run in runs:
            _train_once(run, config)
        if config.train.refit:
            for run in runs:
                _train_once(refitted(run, config.output), config)
    folder = RunFolder(Path(config.output))
    folders = [str(folder), *([str(folder.refit)] if config.train.refit else [])]
    if accelerator.is_main_process:
        print(f"score on the test speakers: vaer evaluate {' '.join(folders)}" if split.test else
              f"nobody is tested; ask the network about files: vaer predict {folders[-1]} FILE")


def expand(config: Config) -> list[Config]:
    """The settings of each fold; of weights to start from that stand in folds, each takes its own."""
    if config.data.fold != "all":
        return [config]
    folder = RunFolder(Path(config.output))
    return [dataclasses.replace(config, output=str(folder.fold(fold)),
                                data=dataclasses.replace(config.data, fold=fold), model=_of_fold(config.model, fold))
            for fold in range(num_folds(config.data.protocol))]


def _of_fold(model: ModelConfig, fold: int) -> ModelConfig:
    """A network that starts, where it starts from a folder of folds, from the one that did not see who is tested."""
    def own(source: str | None) -> str | None:
        return None if source is None else of_fold(source, fold)

    return dataclasses.replace(
        model, init=own(model.init), video=dataclasses.replace(model.video, pretrained=own(model.video.pretrained)),
        audio=dataclasses.replace(model.audio, pretrained=own(model.audio.pretrained)))


def refitted(run: Config, output: str) -> Config:
    """Settings of the refit of a run that ended: on validation clips too, up to the epoch that they chose."""
    facts = RunFolder(Path(run.output)).facts()
    return dataclasses.replace(
        run, output=str(RunFolder(Path(output)).refit) + run.output.removeprefix(output),
        data=dataclasses.replace(run.data, validation="train"),
        train=dataclasses.replace(run.train, refit=False, patience=0, stop_epoch=facts["best_epoch"]))


def _train_once(run: Config, whole: Config) -> None:
    folder = RunFolder(Path(run.output))
    if whole.data.fold == "all" and folder.is_finished():
        again = dataclasses.replace(run, train=dataclasses.replace(run.train, resume=True))
        require_resumable(folder, resolve(decide(again)))
        if PartialState().is_main_process:
            print(f"{run.output}: finished already, skipped")
        return
    train(run)
    wait_for_everyone()  # the main process has written what the others read
