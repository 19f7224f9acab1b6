"""Names that a person takes for one and a machine for two: `Anna` and `anna `, `1` and `01`, composed letters."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

WORD = re.compile(r"(?<!\d\.)[^\W_]+")  # behind a point stand decimals
LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
WHOLE_NUMBER = re.compile(r"(\d+)\.0+")


def plain(name: str) -> str:
    """What a name is without case, blanks, forms of letters, invisible signs and leading zeros: equal for spellings."""
    text = name.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        text = "".join("-" if kind == "Pd" else sign for sign in text if (kind := unicodedata.category(sign)) != "Cf")
    text = re.sub(r"(?<=\d)\s+(?=\d)", " ", text.strip())
    text = re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)
    text = WORD.sub(_without_zeros, text)
    number = WHOLE_NUMBER.fullmatch(text)  # what a spreadsheet or pandas makes of 1 beside an empty cell
    return number[1] if number else text


def _without_zeros(word: re.Match) -> str:
    """A word without its number's leading zeros; words of several numbers are codes, in which every sign counts."""
    return LEADING_ZEROS.sub("", word[0]) if len(re.findall(r"\d+", word[0])) == 1 else word[0]


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """The names that are spellings of one, group by group, sorted."""
    groups = defaultdict(set)
    for name in set(names):
        groups[plain(name)].add(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def shown(names: Iterable[str]) -> str:
    """Spellings of a name as a part of a sentence, by their codes where they look the same."""
    names = list(names)
    composed = {" ".join(unicodedata.normalize("NFC", name).split()) for name in names}
    return " and ".join((repr if len(composed) == len(names) else ascii)(name) for name in names)
