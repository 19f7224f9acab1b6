"""The product of calibrated posteriors: what a fusion has to beat."""

from pathlib import Path

import numpy as np

from vaer.errors import UserError
from vaer.evaluation.aligned import align, describe_difference
from vaer.evaluation.scored import PredictionTable, Scored, calibrated

PRODUCT = "product"


def product(parts: list[Scored], names: list[str]) -> Scored:
    """The product of the answers of several evaluations of the same clips, each at its folds' temperatures.

    They may be those of one network that loses a modality each, or of networks of their own; `names` tell which.
    Raises UserError where they are not of the same clips, classes and labels.
    """
    first, *others = parts
    tables = [first.predicted, *(other.predicted for other in others)]
    for name, other in zip(names[1:], others, strict=True):
        odd = describe_difference(first.predicted, other.predicted)
        if odd:
            raise UserError(f"{names[0]} and {name} have no product: {odd}; evaluate both on the same clips.")
    orders = align(tables)
    logs = sum(np.log(calibrated(predicted)[order].clip(min=1e-300))
               for predicted, order in zip(tables, orders, strict=True))
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    classes = first.predicted.classes
    table = first.predicted.table.iloc[orders[0]].reset_index(drop=True).assign(
        prediction=np.array(classes)[likely.argmax(axis=1)], **dict(zip(classes, likely.T, strict=True)))
    adapted = dict.fromkeys(adaptation for part in parts if (adaptation := part.facts.get("adaptation")))
    facts = first.facts | {
        "modality": PRODUCT, "product_of": names, "seed": _seeds(parts),
        "uncalibrated": [name for name, part in zip(names, parts, strict=True)
                         if any(value is None for value in part.predicted.temperatures.values())],
        "leaks": [leak for part in parts for leak in part.facts.get("leaks", [])],
        "warnings": list(dict.fromkeys(warning for part in parts for warning in part.facts.get("warnings", []))),
        "adaptation": "; ".join(adapted) or None}
    return Scored(Path(" x ".join(names)),
                  PredictionTable(table, classes, facts, dict.fromkeys(table["fold"].unique())), facts)


def _seeds(parts: list[Scored]) -> object:
    """The seed that all parts share, or all of theirs."""
    seeds = [part.facts["seed"] for part in parts]
    return seeds[0] if all(seed == seeds[0] for seed in seeds) else seeds
