import re
from pathlib import Path

import pytest

from vaer.words import counted, plural

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("number", "noun", "expected"), [
    (1, "epoch", "1 epoch"), (0, "epoch", "0 epochs"), (2, "training clip", "2 training clips"),
    (1, "class", "1 class"), (3, "class", "3 classes"), (2, "process", "2 processes"), (1440, "clip", "1440 clips"),
    (2, "axis", "2 axes"), (2, "person", "2 people"), (2, "day", "2 days"), (2, "study", "2 studies"),
    (2, "box", "2 boxes"), (2, "batch", "2 batches")])
def test_nouns_agree_with_their_number(number, noun, expected):
    assert counted(number, noun) == expected
    assert expected.endswith(plural(number, noun))


def test_no_sentence_leaves_the_plural_to_the_reader():
    """Such as `1 process(es)`, `2 face(s)`."""
    odd = {path: found for path in sorted((ROOT / "vaer").rglob("*.py"))
           if (found := re.findall(r"\b[a-z]+\((?:e?s)\)(?=[ ,.:;\"])", path.read_text(encoding="utf-8")))}
    assert odd == {}
