"""What becomes of the labels of one's own corpora."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from vaer.checks import require
from vaer.data.corpora.kind import OwnSettings
from vaer.data.spelling import alike, shown
from vaer.errors import UserError, warn_once
from vaer.label_map import LabelMap

NO_CLASSES = ("id", "take", "path", "fold", "speaker", "label", "prediction")  # predictions.csv has them beside classes
NOTHING = ("none", "nil", "nan")  # what other languages call null


@dataclass(frozen=True)
class LabelSettings(OwnSettings):
    """What corpora of one's own are asked."""

    label_map: LabelMap = field(default_factory=dict)
    """csv and folders: new names for labels, such as {anger: angry}, all taken as they are written; null leaves
    the clips of a label out, and "null" in quotes is a name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require("" not in self.label_map.values(),
                f"--{self.flags}label_map gives a label the empty name; null leaves its clips out.")


def relabel(where: str, labels: Iterable[str], config: LabelSettings) -> dict[str, str | None]:
    """The class of each label that `where` has, or None where its clips are left out; raises UserError."""
    found = sorted(set(labels))
    unknown = sorted(set(config.label_map) - set(found))
    if unknown:
        near = [shown(group) for group in alike([*unknown, *found]) if set(group) & set(unknown)]
        raise UserError(f"{where}: the label map names {', '.join(unknown)}, and the labels here are "
                        f"{', '.join(found)}; correct the map"
                        + f" ({'; '.join(near)} are not spelled alike)" * bool(near) + ".")
    renamed = {name: config.label_map.get(name, name) for name in found}
    out = {name for name, new in renamed.items() if new is None}
    if both := out & set(renamed.values()):
        raise UserError(f"{where}: the label map leaves {', '.join(sorted(both))} out and gives that name to another "
                        f"label; choose another name.")
    if len(out) == len(found):
        raise UserError(f"{where}: the label map leaves out every label ({', '.join(found)}); keep some.")
    for new in {new for new in config.label_map.values() if new is not None and new.casefold() in NOTHING}:
        warn_once(f"{where}: the label map makes a class called {new!r}; write null to leave clips out.")
    return renamed


def classes_of(where: str, renamed: dict[str, str | None]) -> tuple[str, ...]:
    """The classes that labels become, in the order of the alphabet; raises UserError for a name that cannot be one."""
    classes = sorted({new for new in renamed.values() if new is not None})
    if taken := [name for name in classes if name in NO_CLASSES]:
        raise UserError(f"{where}: has the label {taken[0]!r}, which is a column of predictions.csv; give it another "
                        f"name by --data.label_map.")
    return tuple(classes)
