"""Settings changed by name: what a row of a study says, checked as flags are, without building all of them."""

import dataclasses
import difflib
from argparse import ArgumentError
from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser

from vaer.config import Config
from vaer.errors import UserError
from vaer.label_map import MODE

Section = TypeVar("Section")
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name, however deep or dotted they were written; raises UserError for what is no setting.

    A value that is itself a mapping (data.label_map) stays one.
    """
    found: dict[str, Any] = {}
    for name, value in _leaves(settings, ""):
        if name in found:
            raise UserError(f"{name} is named twice; leave one of them")
        found[name] = value
    return found


def assign(config: Section, changes: Mapping[str, Any]) -> Section:
    """The same settings but for `changes`, by dotted name; raises UserError where a value is not one of its kind."""
    own: dict[str, Any] = {}
    below: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        head, _, rest = name.partition(".")
        if rest:
            below.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    parts = {head: assign(getattr(config, head), deeper) for head, deeper in below.items()}
    return dataclasses.replace(config, **own, **parts)  # type: ignore[type-var]


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The same changes with each value as its setting wants it; raises UserError where it cannot be."""
    return {name: _checked(name, value) for name, value in changes.items()}


def _checked(name: str, value: Any) -> Any:
    if _is_plainly(types()[name], value):
        return value
    parser = _parser(name)
    try:
        return parser.instantiate(parser.parse_object({"value": value})).value
    except (ArgumentError, TypeError) as error:
        raise UserError(f"{name} cannot be {value!r}; it must be {_wanted(types()[name])}") from error


def _is_plainly(kind: Any, value: Any) -> bool:
    """Whether a value is of a type beyond doubt, so that no parser, which takes a few ms, has to be asked."""
    if get_origin(kind) in (Union, UnionType):
        return any(_is_plainly(part, value) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(kind))
    return kind in (int, float, bool, str, type(None)) and type(value) is kind


def _wanted(kind: Any) -> str:
    """A type in words."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if isinstance(kind, type) and not parts:
        return "null" if kind is type(None) else WORDS.get(kind, kind.__name__)
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(_wanted, parts))
    return "a list" if get_origin(kind) is list else "a mapping"


@cache
def _parser(name: str) -> ArgumentParser:
    """What reads the value of one setting: a parser of all of them takes 70 ms a row."""
    parser = ArgumentParser(exit_on_error=False)
    parser.parser_mode = MODE
    parser.add_argument("--value", type=types()[name])
    return parser


@cache
def types() -> dict[str, Any]:
    """The type of every setting by its dotted name."""
    return dict(_types(Config, ""))


def _types(kind: type, prefix: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(kind)
    for part in dataclasses.fields(kind):
        hint = hints[part.name]
        if dataclasses.is_dataclass(hint):
            yield from _types(hint, f"{prefix}{part.name}.")  # type: ignore[arg-type]
        else:
            yield f"{prefix}{part.name}", hint


@cache
def _sections() -> set[str]:
    """The dotted names of what holds settings."""
    words = [name.split(".")[:-1] for name in types()]
    return {".".join(path[:end]) for path in words for end in range(1, len(path) + 1)}


def _leaves(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if name in types():
            yield name, value
        elif name in _sections():
            if not isinstance(value, Mapping):
                raise UserError(f"{name} is a section of settings and not a value; write settings under its name")
            yield from _leaves(value, f"{name}.")
        else:
            near = difflib.get_close_matches(name, types(), n=1, cutoff=0.5)
            raise UserError(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
