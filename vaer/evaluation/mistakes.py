"""The clips that were answered wrongly, the surest answers first: where to look and listen."""

import numpy as np
import pandas as pd

from vaer.evaluation.comparison import Joined
from vaer.evaluation.saved import attributes_of
from vaer.evaluation.scored import PredictionTable


def mistakes_of(predicted: PredictionTable) -> pd.DataFrame:
    """A line a wrong clip: path, label, prediction and its probability, that of the label, id, fold, speaker and the
    attributes of the clip.
    """
    return _listed(predicted.table, predicted.classes, predicted.probabilities, predicted.predictions)


def mistakes_of_seeds(joined: Joined) -> pd.DataFrame:
    """The same of the mean answers of several seeds, with how many of them are wrong by themselves."""
    predicted, probabilities = joined.predicted, joined.probabilities
    wrong = np.sum([one.predictions != one.labels for one in predicted], axis=0)
    table = predicted[0].table.assign(seeds_wrong=[f"{count} of {len(predicted)}" for count in wrong])
    return _listed(table, predicted[0].classes, probabilities,
                   predicted[0].predictions if len(predicted) == 1 else probabilities.argmax(axis=1))


def _listed(table: pd.DataFrame, classes: tuple[str, ...], probabilities: np.ndarray,
            predictions: np.ndarray) -> pd.DataFrame:
    names, places = np.array(classes), np.arange(len(table))
    labels = np.array([classes.index(name) for name in table["label"]])
    found = pd.DataFrame({
        "path": table["path"], "label": table["label"], "prediction": names[predictions],
        "probability": probabilities[places, predictions], "probability_of_label": probabilities[places, labels],
        **{name: table[name] for name in ("id", "fold", "speaker", *attributes_of(table, classes))}})
    wrong = found[predictions != labels]
    return wrong.sort_values(["probability", "id"], ascending=[False, True], kind="stable").reset_index(drop=True)
