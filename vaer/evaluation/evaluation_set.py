"""Whom a network is scored on: the test side of its own split, or the whole of another corpus."""

import dataclasses
from collections import Counter
from typing import Any, NamedTuple

from vaer.checks import require
from vaer.choose import choose
from vaer.config import Config, DataConfig
from vaer.data.census import warn_of_unmatched
from vaer.data.corpora import CORPORA, describe_left_out, name_of, provenance_note, read_corpus
from vaer.data.guard import names
from vaer.data.protocols import SPEAKER_DEPENDENT, read_split
from vaer.data.spelling import plain
from vaer.errors import UserError
from vaer.evaluation.options import Options
from vaer.evaluation.scored import CROSS_CORPUS
from vaer.records import Split
from vaer.runs.folder import RunFolder
from vaer.weights.contamination import warnings_of
from vaer.words import counted


class EvaluationSet(NamedTuple):
    """Whom a network is scored on."""

    classes: tuple[str, ...]
    """Among which it chooses."""
    split: Split
    setting: dict[str, Any]
    """What scores must share to be comparable, beside what holds for every evaluation."""
    warnings: list[str]
    """Of what the run started from."""


def find_evaluation_set(run: RunFolder, config: Config, learned: tuple[str, ...], options: Options) -> EvaluationSet:
    """Whom `options` want a network of the classes `learned` scored on; raises UserError where they do not fit."""
    return _own_test_side(run, config, learned) if options.corpus is None else _other_corpus(run, config, learned,
                                                                                             options)


def _own_test_side(run: RunFolder, config: Config, learned: tuple[str, ...]) -> EvaluationSet:
    """The test side of the split under which a run learned."""
    data = run.as_learned(config.data)  # the sides that it learned from, whatever the file says by now
    classes, split = read_split(data)
    if classes != learned:
        raise UserError(f"{config.data.root}: its classes are {', '.join(classes)}, and {run} learned "
                        f"{', '.join(learned)}; name a corpus with the same ones.")
    if not split.test:
        raise UserError(f"{run}: its protocol {config.data.protocol} leaves no test clip ({split.verdict}).")
    recorded = run.facts()
    learned_from = {plain(speaker) for side in recorded.get("speakers", {}).values() for speaker in side}
    met = [] if split.leaks or data.protocol in SPEAKER_DEPENDENT else sorted(
        speaker for speaker in {item.speaker for item in split.test} if plain(speaker) in learned_from)
    require(not met, f"{config.data.root}: {config.data.protocol} now tests speakers {', '.join(met)}, of whom {run} "
                     f"has learned; score it on the speakers that were there when it trained.")
    return EvaluationSet(classes, split, {"protocol": config.data.protocol, **_corpus_facts(data)},
                         recorded.get("warnings", []))


def _other_corpus(run: RunFolder, config: Config, learned: tuple[str, ...], options: Options) -> EvaluationSet:
    """Every clip of another corpus whose label the network knows; it chooses among the classes that both have."""
    data = dataclasses.replace(config.data, corpus=options.corpus, root=options.root, protocol=CROSS_CORPUS,
                               **options.own(None))
    name, own = name_of(data.corpus, data.root), name_of(config.data.corpus, config.data.root)
    require(name != own, f"{run}: learned from {own}; leave --corpus out to score those whom it did not see.")
    classes, items, left_out = read_corpus(data)
    both = tuple(label for label in learned if label in classes)
    require(len(both) > 1, f"{data.root}: its labels are {', '.join(classes)}, and {run} learned {', '.join(learned)}; "
                           f"they must have two in common, which --label_map can bring about.")
    test = [item for item in items if item.label in both]
    unknown = Counter(item.label for item in items if item.label not in both)
    warn_of_unmatched(data.root, learned, unknown)
    left_out = dict(sorted((Counter(left_out) + unknown).items()))
    lacks = choose(CORPORA, data.corpus, "corpus").lacking(items, data, None)
    verdict = [f"the whole of {name}; this run learned from {own} under {config.data.protocol}: "
               f"test speakers {names(test)} ({counted(len(test), 'clip')})",
               provenance_note(config.data.root) and f"learned from {provenance_note(config.data.root)}",
               f"answers among {', '.join(both)}", f"left out: {describe_left_out(left_out)}" * bool(left_out),
               f"the corpus lacks {lacks}" * bool(lacks)]
    facts = {"protocol": CROSS_CORPUS, **_corpus_facts(data), "label_map": data.label_map, "left_out": left_out,
             "classes_dropped": [label for label in learned if label not in both],
             "learned_from": own, "learned_under": config.data.protocol}
    return EvaluationSet(both, Split([], [], test, "; ".join(filter(None, verdict))), facts,
                         warnings_of(dataclasses.replace(config, data=data)))


def _corpus_facts(data: DataConfig) -> dict[str, Any]:
    return {"corpus": name_of(data.corpus, data.root), **data.own(data.corpus), "remark": provenance_note(data.root)}
