"""The runs of a study: every row at every fold and seed, each in a folder that its own content names."""

import dataclasses
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from vaer.atomic_files import read_facts
from vaer.config import STARTS, Config, DataConfig, dotted, resolve
from vaer.data.protocols import num_folds, read_split
from vaer.errors import UserError
from vaer.runs.folder import RunFolder, of_fold
from vaer.studies.assign import assign
from vaer.studies.identity import code_digest, digest, identity
from vaer.studies.reading import StudyFile, StudyFileRow, read_study, refused

BEGUN = "begun.json"
"""What a study keeps of how it was begun: the digest of its code, the threads of a run."""
SEEN_ALONE = ("augment", "bucketing", "num_workers", "decoder", "decode_device")
"""Settings of data, beside those of the clip recipe, that do not change who stands on which side."""


class Place(NamedTuple):
    """Which run of a row."""

    fold: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that is to be there; rows of the same settings share it."""

    key: str
    """The name of its folder: a hash of what makes it this run."""
    folder: RunFolder
    config: Config
    content: dict[str, Any]
    """What the key is made of."""
    sources: tuple[str, ...]
    """Keys of the runs that it starts from."""
    modalities: tuple[str, ...] = ()
    """What it is scored with alone, beside both."""
    in_table: bool = False
    """Whether it is scored at all; what others start from alone is not."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table: its runs by fold and seed."""

    name: str
    runs: dict[Place, str]
    in_table: bool
    modalities: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study with all of its runs."""

    path: Path
    output: Path
    rows: dict[str, Row]
    parts: dict[str, str]
    """By whole, video and audio the row that plays this part."""
    runs: dict[str, Run]
    """By key, in the order in which they are trained: a run stands behind those that it starts from."""
    code: str
    """The digest of the code that they are named after."""

    @cached_property
    def _places(self) -> dict[str, list[tuple[str, Place]]]:
        found: dict[str, list[tuple[str, Place]]] = {}
        for row in self.rows.values():
            for place, key in row.runs.items():
                found.setdefault(key, []).append((row.name, place))
        return found

    def places_of(self, key: str) -> list[tuple[str, Place]]:
        """The rows, with fold and seed, that a run belongs to."""
        return self._places[key]

    def described(self, key: str) -> str:
        """A run in words."""
        return "; ".join(f"{name}, fold {place.fold}, seed {place.seed}" for name, place in self.places_of(key))


def plan(path: Path, output: str | None = None, *, keep_code: bool = False) -> Plan:
    """Every run of the study in a file; nothing is trained, and no torch is loaded. Raises UserError.

    `keep_code`: runs are named as under the code with which the study was planned last, so that those go on counting.
    """
    written = read_study(path, output)
    begun = read_facts(written.output / BEGUN).get("code") if keep_code else None
    planner = Planner(written, begun or code_digest())
    for place, row in _in_order(written, planner.places):
        planner.run(row, place, ())
    modalities = {name: tuple(row.modalities) for name, row in written.rows.items()}
    rows = {name: Row(name, planner.keys[name], row.in_table, modalities[name]) for name, row in written.rows.items()}
    for row in rows.values():
        for key in row.runs.values():
            run = planner.runs[key]
            planner.runs[key] = dataclasses.replace(
                run, modalities=tuple(dict.fromkeys((*run.modalities, *row.modalities))),
                in_table=run.in_table or row.in_table or row.name in written.parts.values())
    return Plan(path, written.output, rows, written.parts, planner.runs, planner.code)


def _in_order(written: StudyFile, places: dict[str, list[Place]]) -> Iterator[tuple[Place, StudyFileRow]]:
    """All rows of a seed and fold before the next: they are compared with each other."""
    for place in sorted({place for own in places.values() for place in own}, key=lambda one: (one.seed, one.fold)):
        for name, row in written.rows.items():
            if place in places[name]:
                yield place, row


class Planner:
    """Runs as they are found, each once."""

    def __init__(self, written: StudyFile, code: str) -> None:
        self.written, self.code = written, code
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, dict[Place, str]] = {name: {} for name in written.rows}
        self.splits: set[str] = set()
        self.places = {name: [Place(fold, seed) for seed in row.seeds for fold in self._folds(row)]
                       for name, row in written.rows.items()}

    def run(self, row: StudyFileRow, place: Place, waiting: tuple[str, ...]) -> str:
        """The key of a run, made with those that it starts from; `waiting` are the rows that start from this one."""
        if place in self.keys[row.name]:
            return self.keys[row.name][place]
        where = f"{self.written.path}: row {row.name!r}"
        if row.name in waiting:
            raise UserError(f"{where}: starts from itself, by way of {', '.join(waiting)}; let a row start from "
                            f"another one.")
        starts = {flag: self.run(*self._source(where, flag, source, place), (*waiting, row.name))
                  for flag, source in row.starts.items()}
        try:
            key = self._add(row, place, starts)
        except UserError as error:
            raise refused(where, error) from error
        self.keys[row.name][place] = key
        return key

    def _source(self, where: str, flag: str, name: str, place: Place) -> tuple[StudyFileRow, Place]:
        """The run of another row that one at `place` starts from: at the same place, or the only one."""
        if name not in self.written.rows:
            raise UserError(f"{where}: {flag} starts from {name!r}, and no row is called so; name one of "
                            f"{', '.join(map(repr, self.written.rows))}.")
        there = self.places[name]
        if place not in there and len(there) > 1:
            raise UserError(f"{where}: {flag} starts from {name!r}, which has no run of fold {place.fold}, seed "
                            f"{place.seed}; give both the same folds and seeds, or that one a single run.")
        return self.written.rows[name], place if place in there else there[0]

    def _add(self, row: StudyFileRow, place: Place, starts: dict[str, str]) -> str:
        runs = self.written.output / "runs"
        config = assign(row.config, {"seed": place.seed, "data.fold": place.fold, "train.resume": True}
                        | {flag: str(runs / key) for flag, key in starts.items()})
        settings = dotted(config)
        own = {flag: of_fold(settings[flag], place.fold) for flag in STARTS
               if flag not in starts and settings[flag] is not None}
        config = assign(config, own)
        if config.model.audio.kind != "transformers" or config.model.audio.architecture is not None:
            resolve(config)  # a checkpoint on a hub is asked when its run begins
        self._require_split(config.data, row.in_table or row.name in self.written.parts.values())
        content = identity(config, starts, self.code)
        key = digest(content)
        if key not in self.runs:
            config = dataclasses.replace(config, output=str(runs / key))
            self.runs[key] = Run(key, RunFolder(runs / key), config, content, tuple(starts.values()))
        return key

    def _folds(self, row: StudyFileRow) -> list[int]:
        try:
            return list(range(num_folds(row.config.data.protocol))) if row.folds == "all" else row.folds
        except UserError as error:
            raise refused(f"{self.written.path}: row {row.name!r}", error) from error

    def _require_split(self, data: DataConfig, in_table: bool) -> None:
        """Refuse, once for all rows that share it, a split that leaks or, for a row of the table, tests nobody."""
        clip = {part.name for part in dataclasses.fields(data.clip)}
        key = json.dumps({part.name: getattr(data, part.name) for part in dataclasses.fields(data)
                          if part.name not in (*SEEN_ALONE, *clip)} | {"in_table": in_table})
        if key in self.splits:
            return
        split = read_split(data)[1]
        if in_table and not split.test:
            raise UserError(f"--data.protocol {data.protocol} fold {data.fold} tests nobody ({split.verdict}), and "
                            f"every row of the table is scored; choose a protocol with a test side, or in_table: false "
                            f"for a row that others start from.")
        self.splits.add(key)


def product_places(plan: Plan) -> dict[Place, tuple[str, str]]:
    """Where the product of the two branches trained alone is to be had: the keys of both, by fold and seed."""
    if not {"video", "audio"} <= set(plan.parts):
        return {}
    video, audio = (plan.rows[plan.parts[part]].runs for part in ("video", "audio"))
    return {place: (video[place], audio[place]) for place in video if place in audio}

