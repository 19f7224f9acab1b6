import dataclasses

import numpy as np
import pytest
from makers import make_scored

from vaer.errors import UserError
from vaer.evaluation.calibration import scale
from vaer.evaluation.product import product


def two(**setting):
    return (make_scored("face", speakers=8, right=0.6, temperature=2.0, seed=1),
            make_scored("voice", speakers=8, right=0.7, temperature=0.5, seed=1, **setting))


def test_calibrated_posteriors_are_multiplied_clip_by_clip():
    face, voice = two()
    shuffled = dataclasses.replace(voice.predicted, table=voice.predicted.table.iloc[::-1].reset_index(drop=True))
    found = product([face, voice._replace(predicted=shuffled)], ["face", "voice"])
    order = np.argsort(face.predicted.table["id"].to_numpy(dtype=str))
    by_hand = (scale(face.predicted.probabilities, 2.0) * scale(voice.predicted.probabilities, 0.5))[order]
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predicted.probabilities, by_hand)
    assert (found.predicted.predictions == by_hand.argmax(axis=1)).all()
    assert found.predicted.table["id"].tolist() == sorted(face.predicted.table["id"])
    assert (found.predicted.labels == face.predicted.labels[order]).all()
    assert found.facts["product_of"] == ["face", "voice"]
    assert found.facts["modality"] == "product"
    assert found.facts["seed"] == 1
    assert found.facts["uncalibrated"] == []


def test_two_classes_on_paper():
    face, voice = make_scored("face"), make_scored("voice")
    for scored, row in ((face, (0.5, 0.3, 0.2)), (voice, (0.1, 0.6, 0.3))):
        scored.predicted.table[["a", "b", "c"]] = row
    found = product([face, voice], ["face", "voice"])
    # 0.05, 0.18, 0.06: sum 0.29
    np.testing.assert_allclose(found.predicted.probabilities[0], (5 / 29, 18 / 29, 6 / 29))
    assert set(found.predicted.table["prediction"]) == {"b"}


def test_probabilities_of_zero_stay_finite():
    face, voice = make_scored("face"), make_scored("voice")
    face.predicted.table[["a", "b", "c"]] = (1.0, 0.0, 0.0)
    voice.predicted.table[["a", "b", "c"]] = (0.0, 1.0, 0.0)
    assert np.isfinite(product([face, voice], ["face", "voice"]).predicted.probabilities).all()


def test_what_the_parts_warn_of_is_kept():
    face, voice = two(leaks=["speaker 1 on two sides"], warnings=["may have seen them"])
    found = product([face, voice], ["face", "voice"]).facts
    assert (found["leaks"], found["warnings"]) == (["speaker 1 on two sides"], ["may have seen them"])
    raw = make_scored("raw", speakers=8, seed=2)
    found = product([face, raw], ["face", "raw"]).facts
    assert found["uncalibrated"] == ["raw"]
    assert found["seed"] == [1, 2]


def test_other_clips_have_no_product():
    with pytest.raises(UserError, match=r"face and voice have no product: other clips \(12 and 12, .*; evaluate both"):
        product([make_scored("face"), make_scored("voice", fold=1)], ["face", "voice"])
