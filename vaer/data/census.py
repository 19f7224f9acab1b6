"""Who is in a corpus and in a split: its classes and speakers with their numbers, and what is odd about them."""

from collections import Counter
from collections.abc import Iterable

from vaer.data.guard import SIDES, ordered
from vaer.data.spelling import alike, shown
from vaer.errors import UserError, warn_once
from vaer.records import UNKNOWN_SPEAKER, Item, Split
from vaer.words import counted

WIDTH = 80
LINES = 3
"""How many lines a list takes at most."""
NAMED = 3
LONGEST = 40
VERBS = dict(zip(SIDES, ("train", "select", "are tested"), strict=True))


def census(classes: tuple[str, ...], split: Split) -> list[str]:
    """Lines of at most 80 characters: clips of each class and side, and speakers of each side with their clips."""
    sides = {side: getattr(split, side) for side in SIDES if getattr(split, side)}
    counts = [Counter(item.label for item in items) for items in sides.values()]
    lines = _listed(f"{counted(len(classes), 'class')}, clips that {' + '.join(VERBS[side] for side in sides)}:",
                    [f"{name} {'+'.join(str(count[name]) for count in counts)}" for name in classes])
    for side, items in sides.items():
        lines += _speakers(f"speakers that {VERBS[side]}", Counter(item.speaker for item in items))
    return lines


def narrowing(learned: tuple[str, ...], classes: tuple[str, ...], corpus: str, left_out: dict[str, int]) -> list[str]:
    """Lines of at most 80 characters: which classes of a network another corpus has not, which clips are not scored."""
    lines = []
    if dropped := [name for name in learned if name not in classes]:
        lines += _listed(f"answers among {len(classes)} of {counted(len(learned), 'class')}: {corpus} has no clips of",
                         dropped)
    if left_out:
        lines += _listed(f"{counted(sum(left_out.values()), 'clip')} of {corpus} left out:",
                         [f"{name} {count}" for name, count in left_out.items()])
    return lines


def weighted(classes: tuple[str, ...], weights: list[float]) -> list[str]:
    """Lines of at most 80 characters: by how much the losses of a clip are multiplied; 0 is a class without clips."""
    return _listed("losses of a clip are multiplied by class:",
                   [f"{name} {weight:.3g}" for name, weight in zip(classes, weights, strict=True) if weight])


def _speakers(head: str, clips: Counter[str]) -> list[str]:
    """A side's speakers; how many clips each has stands in front where it is one number."""
    if UNKNOWN_SPEAKER in clips:
        return [f"{head}: unknown"]
    low, high = min(clips.values()), max(clips.values())
    span = f"{counted(low, 'clip')} each" if low == high else f"{low} to {high} clips each"
    names = ordered(set(clips))
    return _listed(f"{head}: {len(clips)}, {span}:", names if low == high else [f"{name} ({clips[name]})"
                                                                                for name in names])


def _listed(head: str, parts: Iterable[str]) -> list[str]:
    """Words behind a head, in `LINES` lines at most; what has no room is counted."""
    parts = [part if len(part) <= LONGEST else f"{part[:LONGEST - 3]}..." for part in parts]
    lines = [head]
    for number, part in enumerate(parts):
        left = len(parts) - number
        word = f" {part}{',' if left > 1 else ''}"
        if len(lines[-1]) + len(word) > WIDTH and len(lines) < LINES:
            lines.append(" ")
        if len(lines[-1]) + len(word) > WIDTH - len(f" and {left} more") * (len(lines) == LINES and left > 1):
            lines[-1] = f"{lines[-1].rstrip(',')} and {left} more"
            break
        lines[-1] += word
    return lines


def warn_of_spellings(root: str, classes: tuple[str, ...], items: list[Item]) -> None:
    """Warn, once, of labels and of speakers that are spelled in two ways, as those count as two."""
    for group in alike(classes)[:NAMED]:
        warn_once(f"{root}: the labels {shown(group)} are spellings of one name and count as "
                  f"{counted(len(group), 'class')}; if "
                  f"they are one, give both one name, by the label map or in the corpus.")
    people = alike({item.speaker for item in items} - {UNKNOWN_SPEAKER})
    if people:
        more = f" ({len(people) - NAMED} more names have several spellings)" * (len(people) > NAMED)
        warn_once(f"{root}: the speakers {', '.join(shown(group) for group in people[:NAMED])} are spellings of one "
                  f"name and count as different people{more}; write the name of a person in one way.")


def warn_of_unmatched(root: str, learned: tuple[str, ...], labels: Iterable[str]) -> None:
    """Warn, once, of labels that a network knows in another spelling: their clips are not scored."""
    for group in alike([*learned, *labels]):
        if set(group) & set(learned):
            warn_once(f"{root}: the labels {shown(group)} are spellings of one name, which the network has learned in "
                      f"one of them alone; clips of the other are left out unless --label_map gives it that name.")


def require_classes(root: str, split: Split) -> None:
    """Refuse to train on clips of one label."""
    found = {item.label for item in split.train}
    if len(found) < 2:
        clips = counted(len(split.train), "training clip")
        raise UserError(f"{root}: {clips}, all of the label {', '.join(found)!r}, so that "
                        f"there is nothing to learn; correct the labels, the label map or the protocol.")


def require_speakers(root: str, items: Iterable[Item], flag: str) -> None:
    """Refuse what `flag` asks for, which adapts to speakers, where the corpus does not name them."""
    if any(item.speaker == UNKNOWN_SPEAKER for item in items):
        raise UserError(f"{root}: names no speakers, and {flag} adapts to each of them; add a column speaker to the "
                        f"table (or --data.speaker_pattern to folders), or leave it out.")
