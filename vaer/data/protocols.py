"""Who trains, who selects and who is scored."""

import json
import os
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from vaer.choose import choose
from vaer.config import DataConfig
from vaer.data.corpora import CORPORA, describe_left_out, provenance_note, read_corpus
from vaer.data.corpora.kind import CorpusKind, names_no_take
from vaer.data.guard import SIDES, find_leaks, names, ordered, require_none
from vaer.data.rows import read_rows
from vaer.errors import UserError, warn_once
from vaer.records import UNKNOWN_SPEAKER, Item, Split
from vaer.words import counted

SPEAKER_DEPENDENT = ("repetition", "all_train")
BY_SPEAKERS = re.compile(r"speakers([1-9]\d*)")
CSV_COLUMNS = ("id", "side")


@cache
def published() -> dict[str, dict[str, Any]]:
    """The protocols of protocols.json by name; each has `folds`, a list of speakers for train, val and test."""
    return json.loads(resources.files("vaer.data").joinpath("protocols.json").read_text(encoding="utf-8"))


def read_split(config: DataConfig) -> tuple[tuple[str, ...], Split]:
    """The classes and the guarded split of the corpus and fold that `config` names; `config.fold` is a number.

    Raises UserError where the corpus lacks takes of speakers that the protocol names, or something stands on two
    sides, unless the settings allow it; the verdict of the split says what was allowed.
    """
    corpus: CorpusKind = choose(CORPORA, config.corpus, "data.corpus")
    classes, items, left_out = read_corpus(config)
    foreign = _foreign(config)
    parts = split(items, config.protocol, config.fold, corpus.take_of)
    leaks = find_leaks(parts, speakers=config.protocol not in SPEAKER_DEPENDENT)
    if not config.lift_guard:
        require_none(leaks)
    kept = _kept_apart(items) if config.protocol not in SPEAKER_DEPENDENT else ""
    head = f"GUARD LIFTED, {'; '.join(leaks)}: " if leaks else kept
    facts = [provenance_note(config.root), head + parts.verdict, foreign, _missing(items, config, corpus),
             f"left out: {describe_left_out(left_out)}" * bool(left_out)]
    if config.validation == "train":
        parts = parts._replace(train=parts.train + parts.validation, validation=[])
        facts.append("validation clips train too")
    return classes, parts._replace(verdict="; ".join(filter(None, facts)), leaks=tuple(leaks))


def _kept_apart(items: list[Item]) -> str:
    """What the guard has seen to, as the head of its verdict."""
    if any(item.speaker == UNKNOWN_SPEAKER for item in items):
        return "no take or file on two sides, but speakers are unknown, so that people may stand on both: "
    return "no speaker, take or file on two sides: "


def num_folds(protocol: str) -> int:
    """How many folds a protocol has; raises UserError for an unknown one."""
    if protocol in SPEAKER_DEPENDENT:
        return 1
    if is_file(protocol):
        return len({row["fold"] for row in _rows(Path(protocol))})
    if match := BY_SPEAKERS.fullmatch(protocol):
        return int(match[1])
    return len(_published(protocol)["folds"])


def is_file(protocol: str) -> bool:
    """Whether a protocol is a CSV file of one's own."""
    return protocol.lower().endswith(".csv")


def split(items: list[Item], protocol: str, fold: int,
          take_of: Callable[[str], str | None] = names_no_take) -> Split:
    """Divide a corpus as `protocol` says; raises UserError for an unknown name or fold, or where nobody trains.

    `repetition` and `all_train` are for one's own few speakers: they measure nothing about people never seen, and
    the verdict says so. `take_of` says of which take a name speaks, for the rows of a CSV file.
    """
    if is_file(protocol):
        return _by_file(items, Path(protocol), fold, take_of)
    _require_fold(protocol, fold, num_folds(protocol))
    if protocol == "repetition":
        return _by_repetition(items)
    if protocol == "all_train":
        return Split(items, [], [],
                     f"{'the one clip trains' if len(items) == 1 else f'all {len(items)} clips train'}; nobody "
                     f"selects, nobody is tested")
    if BY_SPEAKERS.fullmatch(protocol):
        return _by_speakers(items, protocol, fold)
    speakers = _published(protocol)["folds"][fold]
    known = [{str(speaker) for speaker in speakers[side]} for side in ("train", "val", "test")]
    sides = [[item for item in items if item.speaker in side] for side in known]
    if not sides[0]:
        raise UserError(f"--data.protocol {protocol} fold {fold} trains on speakers {speakers['train']}, and "
                        f"--data.root holds speakers {names(items)} only; try --data.protocol repetition.")
    return Split(*sides, verdict=_verdict(*sides))


def _require_fold(protocol: str, fold: int, count: int) -> None:
    if fold >= count:
        raise UserError(f"--data.fold {fold} is not one of {protocol}: it has {counted(count, 'fold')}, from 0.")


def _published(protocol: str) -> dict[str, Any]:
    table = {**published(), **dict.fromkeys((*SPEAKER_DEPENDENT, "speakers5"))}
    return choose(table, protocol, "data.protocol")


def _by_speakers(items: list[Item], protocol: str, fold: int) -> Split:
    """Speakers in their order, dealt out to as many groups as there are folds; the group after the tested selects."""
    count, speakers = num_folds(protocol), ordered({item.speaker for item in items})
    if UNKNOWN_SPEAKER in speakers:
        raise UserError(f"--data.protocol {protocol} deals out speakers, and --data.root names none; add a column "
                        f"speaker to the table (or --data.speaker_pattern to folders), or give the sides by a CSV "
                        f"file of id and side.")
    if not 3 <= count <= len(speakers):
        raise UserError(f"--data.protocol {protocol} wants {count} groups of speakers, at least 3 to test, to select "
                        f"and to train; --data.root holds {counted(len(speakers), 'speaker')} ({names(items)}).")
    group = {speaker: number % count for number, speaker in enumerate(speakers)}
    tested, selects = fold, (fold + 1) % count
    sides = ([item for item in items if group[item.speaker] not in (tested, selects)],
             *([item for item in items if group[item.speaker] == one] for one in (selects, tested)))
    return Split(*sides, verdict=_verdict(*sides))


def _by_repetition(items: list[Item]) -> Split:
    first, second = ([item for item in items if item.attributes.get("repetition") == which] for which in "12")
    if not first or not second:
        raise UserError(f"--data.protocol repetition wants first and second repetitions; the {len(items)} clips of "
                        f"--data.root hold {len(first)} and {len(second)}.")
    return Split(first, [], second, f"first repetitions train, second ones test, of the same speakers "
                                    f"({names(items)}): speaker-dependent, says nothing about people never seen")


def _by_file(items: list[Item], path: Path, fold: int, take_of: Callable[[str], str | None]) -> Split:
    """Sides from the rows of a CSV; a row may name a clip by its id, its file, or another modality of its take."""
    rows = _rows(path)
    _require_fold(str(path), fold, len({row["fold"] for row in rows}))
    find = _finder(items, take_of)
    sides: dict[str, dict[str, Item]] = {side: {} for side in SIDES}
    unknown = []
    for row in rows:
        if row["fold"] == str(fold):
            item = find(row["id"])
            if item is None:
                unknown.append(row["id"])
            else:
                sides[row["side"]][item.id] = item  # once, though two modalities of a take be named
    if unknown:
        raise UserError(f"{path}: --data.root holds no clip {', '.join(unknown[:5])} ({len(unknown)} of its "
                        f"{counted(len(rows), 'row')}), but clips such as {items[0].id}; correct the file or "
                        f"--data.root.")
    if not sides["train"]:
        raise UserError(f"{path}: no row of fold {fold} has the side train.")
    parts = [list(side.values()) for side in sides.values()]
    unused = len(items) - len({item.id for part in parts for item in part})
    return Split(*parts, verdict=_verdict(*parts) + f"; {counted(unused, 'clip')} left out" * bool(unused))


def _finder(items: list[Item], take_of: Callable[[str], str | None]) -> Callable[[str], Item | None]:
    by_id, by_take = ({getattr(item, key): item for item in items} for key in ("id", "take"))

    def find(name: str) -> Item | None:
        name = name if name in by_id else name.replace("\\", "/")
        for known in (name, os.path.splitext(name)[0]):
            if known in by_id:
                return by_id[known]
        stem = Path(name).stem
        take = take_of(stem)
        return None if take is None else by_id.get(stem) or by_take.get(take)

    return find


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a split file with `id`, `side` and `fold`; raises UserError where they are none."""
    rows = read_rows(path, CSV_COLUMNS, "--data.protocol wants a line for each clip, with the columns id, side and, if "
                                        "it has several, fold", optional=("fold",),
                     is_row=lambda row: row.get("side") in SIDES)
    for line, row in rows.items():
        if row["side"] not in SIDES or not row["id"]:
            raise UserError(f"{path}: line {line} gives clip {row['id']!r} the side {row['side']!r}; "
                            f"it must be one of {', '.join(SIDES)}.")
        if not row.setdefault("fold", "0"):
            raise UserError(f"{path}: line {line} gives clip {row['id']!r} no fold; fill the column in, or leave it "
                            f"out of the whole file.")
    folds = {row["fold"] for row in rows.values()}
    if folds != {str(number) for number in range(len(folds))}:
        raise UserError(f"{path}: its folds are named {', '.join(ordered(folds))}; number them from 0 on, as "
                        f"--data.fold does.")
    return list(rows.values())


def _verdict(*sides: list[Item]) -> str:
    return "; ".join(f"{side} speakers {names(items)} ({counted(len(items), 'clip')})" if items else f"{side} none"
                     for side, items in zip(SIDES, sides, strict=True))


def _foreign(config: DataConfig) -> str:
    """What keeps this run from being compared with others of its protocol; raises UserError for another corpus."""
    protocol = published().get(config.protocol)
    if protocol is None:
        return ""
    if protocol["corpus"] != config.corpus:
        fitting = [name for name, other in published().items() if other["corpus"] == config.corpus]
        raise UserError(f"--data.protocol {config.protocol} is for --data.corpus {protocol['corpus']}, "
                        f"not {config.corpus}; choose one of {', '.join([*fitting, 'speakers5'])}, or a CSV file of "
                        f"your own.")
    odd = [f"{name} {value}, where the protocol has {protocol[name]}"
           for name, value in config.own(config.corpus).items() if protocol.get(name, value) != value]
    return "; ".join(odd)


def _missing(items: list[Item], config: DataConfig, corpus: CorpusKind) -> str:
    """What the corpus lacks, as a part of the verdict; raises UserError where that is not allowed."""
    speakers = None
    if config.protocol in published():
        fold = published()[config.protocol]["folds"][config.fold]
        speakers = {str(speaker) for side in fold.values() for speaker in side}
    lacks = corpus.lacking(items, config, speakers)
    if not lacks:
        return ""
    if speakers is None:  # a split of one's own names no more than it has
        warn_once(f"{config.root} lacks, of the published corpus, {lacks}")
        return ""
    if not config.allow_missing:
        raise UserError(f"{config.root}: lacks {lacks}, which --data.protocol {config.protocol} names; complete the "
                        f"corpus, or train on what is there with --data.allow_missing true.")
    return f"the corpus lacks {lacks}"
