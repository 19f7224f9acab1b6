"""A trained run as an object: the one place that knows how its folder is laid out."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vaer.atomic_files import read_facts
from vaer.config import Config, DataConfig, read_config
from vaer.data.protocols import num_folds
from vaer.errors import NewerFormatError, UserError
from vaer.placeholders import describe_placeholder
from vaer.records import BEST_FORMAT
from vaer.words import counted


@dataclasses.dataclass(frozen=True)
class BestFolder:
    """`best/` of a run: the settings and the weights of its best network, whole without the rest of the run."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config_path(self) -> Path:
        """What the network is rebuilt from."""
        return self.path / "config.json"

    @property
    def weights_path(self) -> Path:
        """The tensors of the network."""
        return self.path / "model.safetensors"

    @property
    def settings(self) -> dict[str, Any]:
        """What `network_settings` made: classes, model and clip; raises UserError where there is none."""
        found = self._content().get("settings")
        if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
            raise UserError(f"{self.config_path}: holds no settings of a network; name the folder of a run that "
                            f"trained.")
        if found.get("format", 1) > BEST_FORMAT:
            raise NewerFormatError(self.config_path, found["format"], BEST_FORMAT)
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the network's answers."""
        return tuple(self.settings["classes"])

    def is_whole(self) -> bool:
        """Whether settings and weights are there."""
        return self.config_path.is_file() and self.weights_path.is_file()

    def is_of_a_run(self) -> bool:
        """Whether the settings are there, and are those of a run; raises UserError where they are not JSON."""
        if not self.config_path.is_file():
            return False
        settings = self._content().get("settings")
        return isinstance(settings, dict) and isinstance(settings.get("model"), dict)

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.config_path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{self.config_path}: cannot be read ({error.strerror}); name the folder of a run that "
                            f"trained.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            reason = describe_placeholder(self.config_path) or f"is not JSON ({error}); copy it again"
            raise UserError(f"{self.config_path}: {reason}.") from error
        return content if isinstance(content, dict) else {}


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of one training run, or of the folds of one."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config_path(self) -> Path:
        """Every setting of the run."""
        return self.path / "config.yaml"

    @property
    def facts_path(self) -> Path:
        """What the run says of itself."""
        return self.path / "run.json"

    @property
    def log_path(self) -> Path:
        """A row of numbers an epoch."""
        return self.path / "log.jsonl"

    @property
    def steps_path(self) -> Path:
        """A row of numbers every few steps."""
        return self.path / "steps.jsonl"

    @property
    def trackers_path(self) -> Path:
        """The names that trackers gave the run."""
        return self.path / "trackers.json"

    @property
    def curves(self) -> Path:
        """What TensorBoard shows."""
        return self.path / "tensorboard"

    @property
    def split_path(self) -> Path:
        """The run's copy of a protocol of one's own: it is scored by what it learned from."""
        return self.path / "split.csv"

    @property
    def best(self) -> BestFolder:
        """What predicts; the one before where the run ended while it was replaced."""
        place, before = self.best_places
        return BestFolder(before if before.is_dir() and not place.is_dir() else place)

    @property
    def best_places(self) -> tuple[Path, Path]:
        """Where it stands, and where the one before is kept while it is replaced."""
        return self.path / "best", self.path / "best.old"

    @property
    def last(self) -> Path:
        """The state from which the run goes on."""
        return self.path / "last"

    @property
    def pooled(self) -> Path:
        """Where the scores over all folds go."""
        return self.path / "pooled"

    def metrics_path(self, suffix: str = "") -> Path:
        """The scores of an evaluation, whose options the suffix names (_audio, _views5)."""
        return self.path / f"metrics{suffix}.json"

    def predictions_path(self, suffix: str = "") -> Path:
        """A line a clip that was scored."""
        return self.path / f"predictions{suffix}.csv"

    def errors_path(self, suffix: str = "") -> Path:
        """A line a clip that was answered wrongly, the surest first."""
        return self.path / f"errors{suffix}.csv"

    def robustness_path(self, suffix: str = "") -> Path:
        """A line a clip, degradation and strength; the scores stand beside it as .json."""
        return self.path / f"robustness{suffix}.csv"

    def inside_path(self, suffix: str = "") -> Path:
        """A map of embeddings, attention over time and what an answer costs."""
        return self.path / f"inside{suffix}.json"

    def scored_suffixes(self) -> list[str]:
        """The suffixes of the evaluations whose files are here."""
        stems = [path.stem.removeprefix("metrics") for path in self.path.glob("metrics*.json")]
        return sorted(suffix for suffix in stems if self.predictions_path(suffix).is_file())

    @property
    def refit(self) -> "RunFolder":
        """Where the refit of the run stands."""
        return RunFolder(Path(f"{self.path}-refit"))

    def fold(self, number: int) -> "RunFolder":
        """The run of one fold."""
        return RunFolder(self.path / fold_name(number))

    def is_begun(self) -> bool:
        """Whether a run was begun here."""
        return self.config_path.exists()

    def is_finished(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.facts().get("finished"))

    def has_folds(self) -> bool:
        """Whether this is a folder of folds."""
        return self.fold(0).path.is_dir()

    def settings(self) -> Config:
        """The settings of the run; raises UserError where they cannot be read."""
        return read_config(self.config_path)

    def facts(self) -> dict[str, Any]:
        """What the run says of itself; nothing where its run.json is not there."""
        return read_facts(self.facts_path)

    def as_learned(self, data: DataConfig) -> DataConfig:
        """The same data settings, under the copy of a protocol of one's own that the run keeps."""
        return dataclasses.replace(data, protocol=str(self.split_path)) if self.split_path.is_file() else data

    def folds(self) -> "list[RunFolder]":
        """The run itself, or all of its folds; raises UserError where one of them did not finish."""
        if not self.has_folds():
            return [self]
        first = self.fold(0)
        count = num_folds(first.as_learned(first.settings().data).protocol)
        folds = [self.fold(number) for number in range(count)]
        missing = [fold.path.name for fold in folds if not fold.is_finished()]
        if missing:
            raise UserError(f"{self}: {', '.join(missing)} of {counted(count, 'fold')} did not finish training; go on "
                            f"with the "
                            f"command that began it and --train.resume true, or score single folds such as {first}.")
        return folds

    def require_trained(self) -> None:
        """Raise UserError where there is no network to answer."""
        if not self.best.weights_path.is_file():
            raise UserError(f"{self}: holds no trained network (best/model.safetensors); name the folder of a run.")


def fold_name(number: int) -> str:
    """What the folder of a fold is called in that of all folds."""
    return f"fold{number}"


def of_fold(source: str, fold: int) -> str:
    """The run that a fold starts from, where `source` is a folder of folds; else `source`.

    Spelled as it was given: a run that goes on compares it.
    """
    return f"{source}/{fold_name(fold)}" if RunFolder(Path(source)).fold(fold).path.is_dir() else source


def best_of(source: str | Path) -> BestFolder | None:
    """The settings and weights of a run, named by its own folder or by that of `best`; None for anything else."""
    candidates = (RunFolder(Path(source)).best, BestFolder(Path(source)))
    return next((best for best in candidates if best.is_of_a_run()), None)


def is_run(source: str | Path) -> bool:
    """Whether a folder is that of a run that trained, of its `best`, or of the folds of one."""
    folder = RunFolder(Path(source))
    return any(best_of(path) is not None for path in (source, folder.fold(0).path))


def runs_among(paths: Iterable[str]) -> list[RunFolder]:
    """The runs that files belong to, known by what a run says of itself and by the settings of `best`."""
    runs: dict[RunFolder, None] = {}
    for path in map(Path, paths):
        for folder in (RunFolder(path.parent), RunFolder(path.parent.parent)):
            if path in (folder.facts_path, folder.best.config_path):
                runs[folder] = None
    return list(runs)


def run_of(best: BestFolder) -> RunFolder:
    """The run whose `best/` this is; its other files may not be there."""
    return RunFolder(best.path.parent)
