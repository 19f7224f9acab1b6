"""The short form of a long --help: the settings that people change, by section, 80 columns wide."""

import re
import textwrap

from jsonargparse import ArgumentParser

from vaer.explain import choices

WIDTH = 80
ALL = {"all", "--help_all", "--help-all"}
"""What asks for every setting."""
HELP = {"-h", "--help"}


def asks_for_help(arguments: list[str]) -> bool:
    """Whether help is asked for: `--help`, `--help all` or `--help_all`."""
    return bool(set(arguments) & (HELP | (ALL - {"all"})))


def short_help(parser: ArgumentParser, names: tuple[str, ...]) -> str:
    """How the command is called, and of the settings `names` their flags, sentences and defaults."""
    actions = {action.dest: action for action in parser._actions}
    lines = [f"usage: {parser.prog} [--config FILE] [--SETTING VALUE ...]", "", parser.description or ""]
    section = None
    for name in names:
        action = actions[name]
        if section != name.split(".")[0] and "." in name:
            section = name.split(".")[0]
            lines.append(f"\n{section}:")
        elif section is None:
            section = ""
            lines.append("\ngeneral:")
        sentence = re.split(r"(?<=[.;])\s", " ".join(str(action.help).split()))[0].rstrip(".;")
        offered = [choice for choice in choices(action) if choice.startswith("one of")]
        if offered:
            clause = sentence.split(": ")[0]  # what stands before the meaning of each choice
            sentence = f"{clause}; {offered[0]}" if " " in clause else offered[0].capitalize()
        default = "" if name == "config" else f" (default: {_as_written(action.default)})"
        lines += [f"  {action.option_strings[0]}",
                  *textwrap.wrap(sentence + default, WIDTH - 1, initial_indent=" " * 6, subsequent_indent=" " * 6)]
    count = sum(1 for action in parser._actions if action.option_strings and action.help and "." in action.dest)
    return "\n".join([*lines, "", f"The usual ones of {count} settings; `{parser.prog} --help all` shows all.",
                      "--print_config prints the settings that a command line makes.", ""])


def _as_written(value: object) -> str:
    """A default as YAML has it."""
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))
