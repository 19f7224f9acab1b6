"""Which evaluations stand in which row of a comparison: RUN, RUN:audio, A,B:product and NAME=RUN are read here."""

import os
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vaer.config import STARTS
from vaer.errors import UserError
from vaer.evaluation.comparison import Row, folds_of, seed_of
from vaer.evaluation.options import OF_A_FOLD
from vaer.evaluation.product import PRODUCT, product
from vaer.evaluation.saved import read_scored
from vaer.evaluation.scored import Scored
from vaer.runs.folder import RunFolder

OWN_FOLD = re.compile(r"/fold\d+(?=/|$)")
OF_A_SEED = OF_A_FOLD - {*STARTS, "data.root"}
"""Settings in which the seeds and folds of one recipe differ for sure; where its corpus lies may be another corpus."""
BELOW = r"/+(?:\./+)*"
"""A slash as it may be written."""
ALONE = ("video", "audio")
"""The modalities whose answers a network's own product is made of."""


class Source(NamedTuple):
    """What one word of the command names."""

    text: str
    scored: Scored
    settings: tuple[dict[str, Any] | None, ...]
    """Of the run, or of each part of a product; None where a folder has none."""
    suffixes: tuple[str, ...]


def read_rows(words: list[str]) -> list[Row]:
    """The rows that the words of a command name, in their order; nothing is decoded.

    Runs of the same settings but seed, fold and output are one row; so are those that are given one name. Raises
    UserError where something is not there, is named twice, or does not belong into its row.
    """
    twice = next((word for place, word in enumerate(words) if word in words[:place]), None)
    if twice is not None:
        raise UserError(f"{twice} is named twice; name each run once.")
    groups: list[tuple[str, list[Source]]] = []
    for word in words:
        name, text = _split_name(word)
        source = _read(text)
        group = next((sources for text, sources in groups if _belongs(name, source, text, sources)), None)
        if group is None:
            groups.append((name, [source]))
        else:
            group.append(source)
    names = _short([name for name, _ in groups if name], [[source.text for source in sources]
                                                          for name, sources in groups if not name])
    return [Row(name or next(names), [source.scored for source in sources]) for name, sources in groups]


def _split_name(word: str) -> tuple[str, str]:
    """The name that a word gives its row, empty where it gives none, and what it names."""
    name, sign, text = word.partition("=")
    if not sign or all(Path(path).exists() for path, _ in _places(word)):
        return "", word
    if not name.strip() or not text:
        raise UserError(f"{word}: wants a name and a run, such as voice=runs/demo:audio.")
    return name.strip(), text


def _places(text: str) -> list[tuple[str, str]]:
    """The folders that a word names, each with the suffix of the files that are meant."""
    if Path(text).exists() or ":" not in text:
        return [(text, "")]
    base, _, what = text.rpartition(":")
    if what != PRODUCT:
        return [(base, "" if what == "both" else f"_{what}")]
    if Path(base).exists() or "," not in base:
        return [(base, f"_{modality}") for modality in ALONE]
    return [place for part in base.split(",") for place in _places(part)]


def _read(text: str) -> Source:
    places = _places(text)
    parts = [read_scored(Path(path), suffix) for path, suffix in places]
    names = [f"{path}{':' * bool(suffix)}{suffix[1:]}" for path, suffix in places]
    scored = parts[0] if len(parts) == 1 else product(parts, names)
    return Source(text, scored, tuple(_settings(RunFolder(Path(path))) for path, _ in places),
                  tuple(suffix for _, suffix in places))


def _settings(folder: RunFolder) -> dict[str, Any] | None:
    """The settings of a run by dotted name, those of its first fold for a folder of folds; None where it has none."""
    above = RunFolder(folder.path.parent)
    whole = above if above.pooled == folder.path else folder
    path = (whole.fold(0) if whole.has_folds() else whole).config_path
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); copy the run again.") from error
    return dict(_flat("", content))


def _flat(name: str, content: Any) -> list[tuple[str, Any]]:
    if not isinstance(content, dict) or name == "data.label_map":
        return [(name, content)]
    return [pair for key, value in content.items() for pair in _flat(f"{name}.{key}".lstrip("."), value)]


def _belongs(name: str, source: Source, text: str, sources: list[Source]) -> bool:
    """Whether a source is of the row that holds `sources`; raises UserError where its name says so, and it is not."""
    if name != text:
        return False
    first = sources[0]
    odd = _differing(first, source, OF_A_FOLD if name else OF_A_SEED)
    if name:
        if odd:
            raise UserError(f"{name}: {first.text} and {source.text} differ in {', '.join(odd)}; give them names of "
                            f"their own.")
        return True
    known = None not in (*source.settings, *first.settings)
    return known and not odd and not any(_same_place(source.scored, one.scored) for one in sources)


def _same_place(one: Scored, other: Scored) -> bool:
    """Whether both have scored the same fold for the same seed."""
    return seed_of(one) == seed_of(other) and bool(set(folds_of(one)) & set(folds_of(other)))


def _differing(one: Source, other: Source, ignored: set[str]) -> list[str]:
    """The names of the settings in which two sources differ, beside those that are ignored."""
    if one.suffixes != other.suffixes:
        return ["what is taken of them"]
    odd = []
    for mine, its in zip(one.settings, other.settings, strict=True):
        names = sorted({*(mine or {}), *(its or {})} - ignored) if mine is not None and its is not None else []
        odd += [name for name in names if _setting_text(name, mine) != _setting_text(name, its)]
    return list(dict.fromkeys(odd))


def _setting_text(name: str, settings: dict[str, Any]) -> Any:
    """A setting; of weights that stand in folds, those of any fold are the same."""
    value = settings.get(name)
    return OWN_FOLD.sub("", value) if name in STARTS and isinstance(value, str) else value


def _short(given: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A name for each row of these words: they say where it lies below the folder that holds all of them.

    The whole words where a shorter name would tell nothing, or be that of another row.
    """
    parents = {str(Path(path).parent) for texts in rows for text in texts for path, _ in _places(text)}
    try:
        folder = os.path.commonpath(parents)
    except ValueError:  # no words at all, or a path from the root beside one from here
        return map(_common, rows)
    inside = re.compile(rf"(^|,)(?:\./+)*{BELOW.join(map(re.escape, folder.split('/')))}{BELOW}")
    names = [_common([inside.sub(r"\1", text.rstrip("/")) for text in texts]) for texts in rows]
    apart = len({"*", *given, *names}) == 1 + len({*given}) + len(names)
    return iter(names) if apart else map(_common, rows)


def _common(texts: list[str]) -> str:
    """One name for several: what they share at either end, with a star between."""
    if len(texts) == 1:
        return texts[0]
    start = _shared(texts)
    return f"{start}*{_shared([text[len(start):][::-1] for text in texts])[::-1]}"


def _shared(texts: list[str]) -> str:
    """The beginning that all have."""
    return "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1,
                                                       zip(*texts, strict=False)))
