"""STUDY.yaml as it is written: its keys, its rows and its base, before any run is made of them."""

import difflib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from vaer.config import STARTS, Config
from vaer.errors import UserError
from vaer.label_map import load
from vaer.placeholders import describe_placeholder
from vaer.studies.assign import assign, checked, flatten

KEYS = ("base", "settings", "output", "corpus", "rows", "grid", "folds", "seeds", "parts")
ROW_KEYS = ("base", "corpus", "folds", "seeds", "starts", "modalities", "in_table")
PARTS = ("whole", "video", "audio")
NAMES = {"whole": "whole network", "video": "face alone", "audio": "voice alone"}
"""What the rows are called that are always there, where the study names no others."""
PRODUCT = "product of the two alone"
MODALITIES = ("video", "audio")
OF_THE_STUDY = {"output": "output", "seed": "seeds", "data.fold": "folds"}
"""Settings that a study says by keys of its own."""


class StudyFileRow(NamedTuple):
    """A row with its settings, before it is spread over folds and seeds."""

    name: str
    config: Config
    """With fold and seed of the first run."""
    folds: list[int] | Literal["all"]
    seeds: list[int]
    starts: dict[str, str]
    """By setting the name of the row that it starts from."""
    modalities: list[str]
    """What it is scored with alone, beside both."""
    in_table: bool


class StudyFile(NamedTuple):
    """A study as its file says it."""

    path: Path
    output: Path
    rows: dict[str, StudyFileRow]
    """Those that are always there first."""
    parts: dict[str, str]
    """By whole, video and audio the name of the row that plays this part."""


def read_study(path: Path, output: str | None = None) -> StudyFile:
    """The study in a file; `output` overrides the folder that it names. Raises UserError with the row's name."""
    content = _mapping(path)
    with_names(content, KEYS, f"{path}")
    base = _base(content, path.parent, Config(), f"{path}")
    rows = {name: _row(path, name, settings, base, content) for name, settings in _written_rows(path, content)}
    parts = _parts(path, content, rows, base)
    first = {name: rows[name] for name in parts.values()}
    folder = output if output is not None else content.get("output", f"runs/studies/{path.stem}")
    if not isinstance(folder, str) or not folder:
        raise UserError(f"{path}: output is {folder!r}; it must be the path of a folder.")
    return StudyFile(path, Path(folder), first | rows, parts)


def with_names(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse a key that is none of `known`, with the nearest that is."""
    for name in content:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            raise UserError(f"{where}: {name} is no key here; " + (f"did you mean {near[0]}?" if near else
                                                                   f"known are {', '.join(known)}."))


def refused(where: str, error: UserError) -> UserError:
    """The same error with its place before it."""
    return UserError(f"{where}: {str(error).rstrip('.')}.")


def _mapping(path: Path) -> dict[str, Any]:
    """What a YAML file of names and values says; raises UserError."""
    try:
        content = load(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions.") from error
    except UserError as error:
        raise refused(str(path), error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = describe_placeholder(path) or f"is no YAML ({' '.join(str(error).split())})"
        raise UserError(f"{path}: {reason}.") from error
    if not isinstance(content, dict):
        remedy = describe_placeholder(path) or "write them as `name: value`"
        raise UserError(f"{path}: holds no settings by name; {remedy}.")
    return content


def _base(content: Mapping[str, Any], folder: Path, before: Config, where: str) -> Config:
    """Settings of the file that `base` names, or of the mapping that it is; over them `settings` and `corpus`."""
    base, corpus = content.get("base"), content.get("corpus")
    if base is not None:
        settings, place = base, f"{where}: base"
        if isinstance(base, str):
            settings, place = _mapping(folder / base), str(folder / base)
        if not isinstance(settings, Mapping):
            raise UserError(f"{where}: base is {base!r}; it must be the path of a YAML file, or settings.")
        before = _changed(Config(), settings, place)
    if content.get("settings") is not None:
        if not isinstance(content["settings"], Mapping):
            raise UserError(f"{where}: settings is {content['settings']!r}; write them as `name: value`.")
        before = _changed(before, content["settings"], f"{where}: settings")
    if corpus is not None:
        corpus = {"root": corpus} if isinstance(corpus, str) else corpus
        if not isinstance(corpus, Mapping):
            raise UserError(f"{where}: corpus is {corpus!r}; it must be the path of a folder, or settings of data.")
        before = _changed(before, {"data": corpus}, f"{where}: corpus")
    return before


def _changed(config: Config, settings: Mapping[str, Any], where: str) -> Config:
    try:
        return assign(config, checked(flatten(settings)))
    except UserError as error:
        raise refused(where, error) from error


def _written_rows(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every row: those with names, then those of the grid."""
    rows, names = content.get("rows") or {}, set()
    if not isinstance(rows, Mapping):
        raise UserError(f"{path}: rows is {rows!r}; write each row as `name: settings`.")
    for name, settings in itertools.chain(rows.items(), _grid(path, content.get("grid") or {})):
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{path}: a row is called {name!r}; its name must be text: put it in quotes.")
        if not isinstance(settings, Mapping | None):
            raise UserError(f"{path}: row {name!r}: is {settings!r}; write its settings as `name: value`.")
        if name in names or name == PRODUCT:
            raise UserError(f"{path}: row {name!r}: there is another one of that name; give it one of its own.")
        names.add(name)
        yield name, dict(settings or {})


def _grid(path: Path, grid: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """A row for every combination of values."""
    if not isinstance(grid, Mapping) or not all(isinstance(values, list) and values for values in grid.values()):
        raise UserError(f"{path}: grid wants a list of values for each setting, such as model.fusion.kind: "
                        f"[concat, mean].")
    if not grid:
        return
    short = [str(name).rpartition(".")[2] for name in grid]
    names = [one if short.count(one) == 1 else name for name, one in zip(grid, short, strict=True)]
    for values in itertools.product(*grid.values()):
        text = ", ".join(f"{name} {_as_yaml(value)}" for name, value in zip(names, values, strict=True))
        yield text, dict(zip(grid, values, strict=True))


def _as_yaml(value: Any) -> str:
    """A value as YAML spells it."""
    return {None: "null", True: "true", False: "false"}[value] if isinstance(value, bool | None) else f"{value}"


def _row(path: Path, name: str, content: dict[str, Any], base: Config, study: Mapping[str, Any]) -> StudyFileRow:
    where = f"{path}: row {name!r}"
    own = {key: content.pop(key) for key in ROW_KEYS if key in content}
    shared = {key: study.get(key) for key in ("settings", "corpus")} if own.get("base") is not None else {}
    config = _changed(_base(shared | own, path.parent, base, where), content, where)
    _require_of_a_row(where, content)
    if config.train.refit:
        raise UserError(f"{where}: train.refit is not for a study, whose rows are one run a fold and seed; leave it "
                        f"out, and train the refit by `vaer train`.")
    starts = own.get("starts") or {}
    if not isinstance(starts, Mapping) or not all(isinstance(row, str) for row in starts.values()):
        raise UserError(f"{where}: starts is {starts!r}; write it as `model.video.pretrained: name of a row`.")
    with_names(starts, STARTS, f"{where}: starts")
    in_table = own.get("in_table", True)
    if not isinstance(in_table, bool):
        raise UserError(f"{where}: in_table is {in_table!r}; it must be true or false.")
    return StudyFileRow(name, config, _folds(where, own.get("folds", study.get("folds")), config),
                        _seeds(where, own.get("seeds", study.get("seeds")), config), dict(starts),
                        _modalities(where, own.get("modalities") or [], config), in_table)


def _require_of_a_row(where: str, content: Mapping[str, Any]) -> None:
    """Refuse settings that are not a row's to make."""
    settings = flatten(content)
    for setting, key in OF_THE_STUDY.items():
        if setting in settings:
            raise UserError(f"{where}: {setting} is said by the key {key}; leave it out of the settings.")


def _modalities(where: str, modalities: Any, config: Config) -> list[str]:
    if not isinstance(modalities, list) or [one for one in modalities if one not in MODALITIES]:
        raise UserError(f"{where}: modalities is {modalities!r}; it must be a list of {' and '.join(MODALITIES)}.")
    if modalities and not (config.model.video.enabled and config.model.audio.enabled):
        raise UserError(f"{where}: modalities {', '.join(modalities)} are for a network of both branches, and one is "
                        f"off; leave them out.")
    return modalities


def _folds(where: str, folds: Any, config: Config) -> list[int] | Literal["all"]:
    folds = config.data.fold if folds is None else folds
    return "all" if folds == "all" else _numbers(where, "folds", folds)


def _seeds(where: str, seeds: Any, config: Config) -> list[int]:
    return _numbers(where, "seeds", config.seed if seeds is None else seeds)


def _numbers(where: str, key: str, values: Any) -> list[int]:
    """Distinct whole numbers from 0."""
    numbers = values if isinstance(values, list) else [values]
    if not numbers or any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in numbers):
        raise UserError(f"{where}: {key} is {values!r}; it must be a list of whole numbers from 0, such as [0, 1, 2]"
                        f"{', or all' if key == 'folds' else ''}.")
    if len(set(numbers)) < len(numbers):
        raise UserError(f"{where}: {key} is {values!r}, with a number twice; name each once.")
    return numbers


def _parts(path: Path, study: Mapping[str, Any], rows: dict[str, StudyFileRow], base: Config) -> dict[str, str]:
    """Who plays the parts that are always there; those that no row plays are added to `rows`."""
    parts = study.get("parts") or {}
    if not isinstance(parts, Mapping):
        raise UserError(f"{path}: parts is {parts!r}; write it as `whole: name of a row`.")
    with_names(parts, PARTS, f"{path}: parts")
    for part, name in parts.items():
        if name not in rows:
            near = difflib.get_close_matches(str(name), rows, n=1, cutoff=0.5)
            raise UserError(f"{path}: parts: {part} is {name!r}, and no row is called so"
                            + (f"; did you mean {near[0]!r}?" if near else "; name one of the rows."))
    found = dict(parts)
    if "whole" not in found:
        _require_free(path, rows, "whole")
        found["whole"] = NAMES["whole"]
        rows[NAMES["whole"]] = _row(path, NAMES["whole"], {}, base, study)
    whole = rows[found["whole"]]
    if whole.config.model.video.enabled and whole.config.model.audio.enabled:
        for part, other in (("video", "audio"), ("audio", "video")):
            if part not in found:
                _require_free(path, rows, part)
                found[part] = NAMES[part]
                rows[NAMES[part]] = whole._replace(
                    name=NAMES[part], modalities=[], in_table=True,
                    config=assign(whole.config, {f"model.{other}.enabled": False}),
                    starts={flag: row for flag, row in whole.starts.items() if other not in flag})
    return {part: found[part] for part in PARTS if part in found}


def _require_free(path: Path, rows: dict[str, StudyFileRow], part: str) -> None:
    if NAMES[part] in rows:
        raise UserError(f"{path}: row {NAMES[part]!r}: a row of that name is always there; call it otherwise, or write "
                        f"`parts: {{{part}: {NAMES[part]}}}` to let it play that part.")
