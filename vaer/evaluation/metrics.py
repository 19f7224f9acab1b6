"""Scores of predictions, once over all clips."""

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from vaer.records import Metrics


def score(probabilities: np.ndarray, labels: np.ndarray) -> Metrics:
    """UAR, WAR, macro F1 and confusion of probabilities (clips, classes) against labels (clips,), at least one clip.

    UAR and macro F1 are means over the classes that occur among the labels; their number is part of the answer.
    """
    predictions = probabilities.argmax(axis=1)
    present = np.unique(labels)
    return Metrics(
        uar=float(recall_score(labels, predictions, labels=present, average="macro", zero_division=0)),
        war=float(accuracy_score(labels, predictions)),
        macro_f1=float(f1_score(labels, predictions, labels=present, average="macro", zero_division=0)),
        confusion=confusion_matrix(labels, predictions, labels=np.arange(probabilities.shape[1])).tolist(),
        clips=len(labels), classes_present=len(present))
