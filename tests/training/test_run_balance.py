"""Runs on uneven classes and on branches of unequal strength."""

import json

import pytest
from makers import replace
from run_makers import config, write_takes

from vaer.training import run as run_module
from vaer.training.run import train

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two takes of each of two emotions, one of the third."""
    root = write_takes(tmp_path_factory.mktemp("corpus"))
    (root / "01-01-05-01-01-02-01.mp4").unlink()
    return root


def test_balancing_is_said_reaches_steps_and_heads_and_is_logged(corpus, tmp_path, monkeypatch, capsys):
    """Five clips of three classes: 5 / (3 * 2) twice, 5 / (3 * 1)."""
    given = {}

    def watch(name):
        original = getattr(run_module, name)

        def watched(*arguments, **options):
            given[name] = options["class_weights"].tolist()
            return original(*arguments, **options)

        monkeypatch.setattr(run_module, name, watched)

    train(config(corpus, tmp_path / "first", protocol="all_train", train={"epochs": 1}))
    assert "multiplied by class" not in capsys.readouterr().out
    for name in ("fit_heads", "train_epoch"):
        watch(name)
    made = config(corpus, tmp_path / "run", protocol="all_train", init=str(tmp_path / "first"),
                  train={"epochs": 1, "class_weights": "balanced", "probe_first": True, "ogm_ge": 0.5,
                         "mixup": 0.4})
    audio = made.model.audio.__class__(**{**vars(made.model.audio), "head_dropout": 0.0})
    train(replace(made, "model", audio=audio))
    neutral, _, happy, _, angry, *others = given["train_epoch"]
    assert (neutral, happy, angry) == pytest.approx((5 / 6, 5 / 6, 5 / 3))
    assert not any(others)
    assert given["fit_heads"] == given["train_epoch"]
    assert ("losses of a clip are multiplied by class: neutral 0.833, happy 0.833, angry 1.67\n"
            in capsys.readouterr().out)
    last = json.loads((tmp_path / "run" / "steps.jsonl").read_text().splitlines()[-1])
    assert 0 < min(last["ogm_video"], last["ogm_audio"]) <= 1
