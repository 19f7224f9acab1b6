"""What a parser's complaint means, as one sentence with the nearest known name or the choices."""

import difflib
import os
import re
import types
from argparse import Action, ArgumentError
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import ArgumentParser

from vaer.placeholders import describe_placeholder
from vaer.recipes import recipe_names

LIKE = 0.75
"""How alike two names are (difflib's ratio) for one to be taken for a slip of the other."""
PLAIN = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "none",
         dict: "names with values, such as {joy: happy}", list: "a list such as [3, 4, 6, 3]",
         tuple: "a list such as [3, 4, 6, 3]"}


def config_files(arguments: list[str]) -> list[str]:
    """The files that are given as `--config`."""
    return [value for flag, value in pairwise([*arguments, ""]) if flag == "--config" and value] + [
        part.removeprefix("--config=") for part in arguments if part.startswith("--config=")]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is a slip of; None where each would be far-fetched.

    Of dotted names the last part must be alike by itself, and where it is the same a missing section is no matter.
    """
    wanted = _plain(name)
    names = sorted((option for option in known if option.startswith("--") or not name.startswith("-")), key=len)
    alike = []
    for option in names:
        whole, last = _plain(option), _plain(option).split(".")[-1]
        lasts = _likeness(wanted.split(".")[-1], last)
        if lasts >= LIKE:
            alike.append((lasts if "." not in wanted else _likeness(wanted, whole), option))
    likeness, found = max(alike, key=lambda pair: pair[0], default=(0.0, ""))
    return found if likeness >= LIKE else None


def explained(error: ArgumentError, parser: ArgumentParser, arguments: list[str]) -> str:
    """One sentence from a parser's error: where, what was given, what may stand there."""
    known = [option for action in parser._actions for option in action.option_strings]
    files = config_files(arguments) if "--config" in known else []
    for path in files:
        if not os.path.isfile(path):
            what = "is a folder" if os.path.isdir(path) else "there is no such file"
            return (f"--config {path}: {what}; name a YAML file of settings or one of the recipes "
                    f"{', '.join(recipe_names())}.")
        if placeholder := describe_placeholder(path):
            return f"{path}: {placeholder}."
    text = " ".join(str(error).split())
    if "unrecognized arguments: " in text:
        return _unknown(text.split("unrecognized arguments: ")[1].split()[0], known)
    where = f"{files[-1]}: " if files else ""
    for pattern in (r"'([\w.]+)' does not accept option '([\w.]+)'", r"Option '()([^']+)' is not accepted",
                    r"Group '([\w.]+)' does not accept .*'([\w.]+)'"):
        if found := re.search(pattern, text):
            name = ".".join(filter(None, found.groups()))
            near = nearest(f"--{name}", known)
            return f"{where}{name} is no setting" + (f"; did you mean {near.lstrip('-')}?" if near else
                                                     "; `vaer train --help all` lists them.")
    if found := re.match(r'Parser key "([\w.]+)": (?:Expected|Does not validate).*?(?:Got|Given) value: (.*)$', text):
        return _wrong_value(*found.groups(), parser, arguments, where)
    if text.startswith("argument ") and text.endswith("expected one argument"):
        return f"{text.split()[1].rstrip(':')} wants a value after it."
    if missing := text.partition("the following arguments are required: ")[2]:
        return f"{missing} {'are' if ', ' in missing else 'is'} missing; {parser.prog} --help says what stands where."
    if section := re.match(r'Parser key "([\w.]+)": Unable to load config', text):
        return f"--{section[1]} is a section; give one of its settings, such as {_first(section[1], known)} VALUE."
    if "Unexpected config: " in text:
        return f"{where}holds no settings; write them by name, such as train: {{epochs: 10}}."
    return where + text


def _first(section: str, known: list[str]) -> str:
    return next((option for option in known if option.startswith(f"--{section}.")), f"--{section}.NAME")


def _unknown(given: str, known: list[str]) -> str:
    """What is wrong with an argument that no flag takes."""
    if not given.startswith("-"):
        if "--config" in known and given.endswith((".yaml", ".yml", ".json")):
            return f"{given} stands alone; a file of settings is given as --config {given}."
        return f"{given} is one value too many; settings are given by flags, which --help lists."
    if os.path.exists(given):
        return f"{given} is taken for a flag, and there is a file of that name: write ./{given}."
    near = nearest(given.split("=")[0], known)
    return f"{given} is no flag of this command" + (f"; did you mean {near}?" if near else "; see --help.")


def _wrong_value(key: str, value: str, parser: ArgumentParser, arguments: list[str], where: str) -> str:
    """What may stand where `value` does."""
    action = next((action for action in parser._actions if action.dest == key), None)
    if action is None:
        return f"{where}{key} {value}: cannot stand there; see --help."
    flags = [option for option in action.option_strings
             if any(part.split("=")[0] == option for part in arguments)]
    name = f"{flags[0]} {value}" if flags else f"{where}{key} is {value}" if where else f"{key} {value}"
    return f"{name}; give {' or '.join(choices(action))}."


def choices(action: Action) -> list[str]:
    """What a flag takes, in words."""
    found: list[str] = []
    for kind in _members(getattr(action, "_typehint", None) or action.type):
        if get_origin(kind) is Literal:
            names = [str(name) for name in get_args(kind)]
            found.append(names[0] if len(names) == 1 else f"one of {', '.join(names)}")
        else:
            found.append(PLAIN.get(get_origin(kind) or kind, "another value"))
    return list(dict.fromkeys(found))


def _members(kind: Any) -> list[Any]:
    """The kinds that a union offers, or the kind itself; of a kind with checks what it checks."""
    if get_origin(kind) in (Union, types.UnionType):
        return [member for part in get_args(kind) for member in _members(part)]
    return [getattr(kind, "__supertype__", kind)]


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").casefold()


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
