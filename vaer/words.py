"""Numbers of things, in words that agree with them."""

IRREGULAR = {"person": "people", "axis": "axes", "class": "classes", "process": "processes", "pass": "passes",
             "epoch": "epochs"}


def plural(number: int, noun: str) -> str:
    """The noun alone, as `number` things are called; of several words the last one changes."""
    if number == 1:
        return noun
    before, _, last = noun.rpartition(" ")
    many = IRREGULAR.get(last) or (f"{last}es" if last.endswith(("s", "x", "ch", "sh")) else f"{last[:-1]}ies" if
                                   last.endswith("y") and last[-2:-1] not in "aeiou" else f"{last}s")
    return f"{before} {many}".strip()


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{number} {plural(number, noun)}"
