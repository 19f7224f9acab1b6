"""The corpora: each module has `labels(root, config)`, the classes, `scan(root, config)`, the items, and
`lacking(items, config, speakers)`, what the published corpus has of these speakers and the items lack (text or "")."""

from pathlib import Path
from types import ModuleType

from vaer.config import DataConfig
from vaer.data import manifest
from vaer.data.corpora import demo, ravdess
from vaer.records import Item

CORPORA: dict[str, ModuleType] = {"demo": demo, "ravdess": ravdess}


def read_corpus(config: DataConfig) -> tuple[tuple[str, ...], list[Item]]:
    """The classes, in the order of the network's answers, and the items of the corpus that `config` names.

    Where the corpus was prepared, its manifest says how long they are.
    """
    corpus = CORPORA[config.corpus]
    root = Path(config.root)
    return corpus.labels(root, config), manifest.with_durations(corpus.scan(root, config), root)
