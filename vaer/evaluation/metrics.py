"""Scores of predictions, once over all clips."""

from typing import Any

import numpy as np

from vaer.records import Metrics


def score(probabilities: np.ndarray, labels: np.ndarray) -> Metrics:
    """UAR, WAR, macro F1 and confusion of probabilities (clips, classes) against labels (clips,), at least one clip.

    UAR and macro F1 are means over the classes that occur among the labels; their number is part of the answer.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score  # a second at the start

    predictions = probabilities.argmax(axis=1)
    present = np.unique(labels)
    return Metrics(
        uar=float(recall_score(labels, predictions, labels=present, average="macro", zero_division=0)),
        war=float(accuracy_score(labels, predictions)),
        macro_f1=float(f1_score(labels, predictions, labels=present, average="macro", zero_division=0)),
        confusion=confusion_matrix(labels, predictions, labels=np.arange(probabilities.shape[1])).tolist(),
        clips=len(labels), classes_present=len(present))


def score_classes(probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and number of clips of each class; a class that never occurs has 0 clips and zeros."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, probabilities.argmax(axis=1), labels=np.arange(len(classes)),
                                              zero_division=0)
    return {name: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "clips": int(clips)}
            for name, precision, recall, f1, clips in zip(classes, *columns, strict=True)}


def score_speakers(probabilities: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> dict[str, dict[str, Any]]:
    """UAR, WAR and number of clips of each speaker (clips,), in the order of their numbers or names."""
    found = {}
    for speaker in sorted(set(speakers.tolist()), key=lambda name: (len(name), name)):
        rows = speakers == speaker
        metrics = score(probabilities[rows], labels[rows])
        found[speaker] = {"uar": metrics.uar, "war": metrics.war, "clips": metrics.clips}
    return found
