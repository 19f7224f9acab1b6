"""What a run says of its classes and speakers before it starts."""

import pytest
from makers import make_item

from vaer.data.census import (
    census,
    narrowing,
    require_classes,
    require_speakers,
    warn_of_spellings,
    warn_of_unmatched,
    weighted,
)
from vaer.errors import UserError
from vaer.records import Split


def clips(speakers, labels=("happy", "sad"), each=1):
    return [make_item(f"{speaker}-{label}-{number}.wav", label=label, speaker=str(speaker))
            for speaker in speakers for label in labels for number in range(each)]


def test_classes_and_speakers_are_listed_with_their_clips():
    split = Split(clips(["9", "10"], each=2), clips(["1"]), clips(["2"], labels=["sad"]), "")
    assert census(("happy", "sad"), split) == [
        "2 classes, clips that train + select + are tested: happy 4+1+0, sad 4+1+1",
        "speakers that train: 2, 4 clips each: 9, 10",
        "speakers that select: 1, 2 clips each: 1",
        "speakers that are tested: 1, 1 clip each: 2"]


def test_speakers_with_more_and_fewer_clips_are_counted_each():
    train = clips(["A"], each=3) + clips(["B"])
    assert census(("happy", "sad"), Split(train, [], [], ""))[1:] == [
        "speakers that train: 2, 2 to 6 clips each: A (6), B (2)"]


def test_what_classes_count_for_is_listed():
    assert weighted(("angry", "calm", "happy"), [0.66666, 0.0, 12.0]) == [
        "losses of a clip are multiplied by class: angry 0.667, happy 12"]


def test_unknown_speakers_are_said():
    assert census(("happy", "sad"), Split(clips([""]), [], [], ""))[1] == "speakers that train: unknown"


@pytest.mark.parametrize("uneven", [True, False])
def test_thousands_take_few_lines_of_80_characters(uneven):
    split = Split(clips(range(5000)) + clips(["0"] * uneven), clips(["x" * 200]), [], "")
    classes = tuple(f"class number {number}" for number in range(300))
    lines = census(classes, split)
    assert max(map(len, lines)) <= 80
    assert len(lines) == 7
    assert lines[2].endswith(f" and {300 - sum(line.count('class number') for line in lines[:3])} more")
    shown = sum(line.count(",") for line in lines[3:6])  # one behind "5000", none behind the last name
    assert lines[5].endswith(f" and {5000 - shown} more")
    assert lines[6] == f"speakers that select: 1, 2 clips each: {'x' * 37}..."


def test_spellings_are_warned_of(caplog):
    items = [make_item("a.wav", speaker=name) for name in ("01", "1", "M\u00fc", "Mu\u0308", "2", "")]
    warn_of_spellings("some/root", ("Angry", "angry", "sad"), items)
    assert "some/root: the labels 'Angry' and 'angry' are spellings of one name and count as 2 classes" in caplog.text
    assert r"the speakers '01' and '1', 'Mu\u0308' and 'M\xfc' are spellings of one name and" in caplog.text
    caplog.clear()
    warn_of_spellings("some/root", ("angry", "sad"), items[-3:-1])
    assert caplog.text == ""


def test_one_label_is_nothing_to_learn():
    with pytest.raises(UserError, match=r"some/root: 2 training clips, all of the label 'sad', so that there is"):
        require_classes("some/root", Split(clips([1, 2], labels=["sad"]), [], clips([3]), ""))
    require_classes("some/root", Split(clips([1]), [], [], ""))


def test_what_adapts_to_speakers_needs_their_names():
    require_speakers("some/root", clips([1, 2]), "--model.speaker_norm true")
    with pytest.raises(UserError, match=r"some/root: names no speakers, and --model\.speaker_norm true adapts to each"):
        require_speakers("some/root", clips([1, ""]), "--model.speaker_norm true")


def test_classes_that_another_corpus_lacks_are_listed_first():
    learned = ("angry", "calm", "happy", "sad")
    assert narrowing(learned, ("angry", "happy"), "mine", {"bored": 3, "tired": 4}) == [
        "answers among 2 of 4 classes: mine has no clips of calm, sad",
        "7 clips of mine left out: bored 3, tired 4"]
    assert narrowing(learned, learned, "mine", {}) == []


def test_labels_that_the_network_spells_otherwise_are_warned_of(caplog):
    warn_of_unmatched("some/other", ("angry", "sad"), ["ANGRY ", "bored"])
    assert "some/other: the labels 'ANGRY ' and 'angry' are spellings of one name, which the network" in caplog.text
    assert "bored" not in caplog.text
