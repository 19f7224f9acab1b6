import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from accelerate.state import AcceleratorState
from makers import make_scored, tiny_audio, tiny_config, tone, write_video, write_wav
from sklearn.metrics import recall_score

from vaer.config import TrainConfig
from vaer.errors import UserError
from vaer.evaluation import robustness
from vaer.evaluation.degradations.kinds import KINDS
from vaer.evaluation.intervals import paired_intervals, speaker_draws, speaker_intervals
from vaer.evaluation.options import Options
from vaer.evaluation.robustness import curves_of
from vaer.evaluation.run import evaluate
from vaer.training.run import train

OPTIONS = Options(batch_size=4, num_workers=0, robustness="noise,shift")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch on six takes, tested on the second repetitions, one of which has no frames."""
    root = tmp_path_factory.mktemp("robust")
    for emotion, hertz in (("01", 300), ("03", 500), ("05", 800)):
        for repetition in "12":
            name, sound = f"{emotion}-01-01-0{repetition}-01", tone(0.6, 48_000, hertz + 10 * int(repetition))[None]
            if (emotion, repetition) == ("05", "2"):
                write_wav(root / "corpus" / f"03-01-{name}.wav", sound, 48_000)
            else:
                write_video(root / "corpus" / f"01-01-{name}.mp4", frames=8, size=(32, 32), sound=sound)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        AcceleratorState._reset_state(reset_partial_state=True)
        config = tiny_config(audio=tiny_audio())
        data = dataclasses.replace(config.data, root=str(root / "corpus"), protocol="repetition", channel="both")
        train(dataclasses.replace(config, output=str(root / "run"), data=data,
                                  train=TrainConfig(epochs=1, batch_size=2)))
        yield root / "run"
        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def tables(run, suffix=""):
    return (pd.read_csv(run / f"robustness{suffix}.csv"), pd.read_csv(run / f"predictions{suffix}.csv"),
            json.loads((run / f"robustness{suffix}.json").read_text()))


def test_every_number_can_be_computed_again_from_the_rows(run, capsys):
    evaluate([run], OPTIONS)
    rows, predictions, facts = tables(run)
    assert len(rows) == (5 + 6) * len(predictions)
    for name in ("noise", "shift"):
        assert [point["strength"] for point in facts["curves"][name]["points"]] == list(KINDS[name].strengths)
        for point in facts["curves"][name]["points"]:
            own = rows[(rows.degradation == name) & (rows.strength == point["strength"])]
            assert own.id.tolist() == predictions.id.tolist()
            labels = sorted(set(own.label))
            assert point["uar"] == pytest.approx(recall_score(own.label, own.prediction, labels=labels,
                                                              average="macro", zero_division=0))
    assert facts["clean"]["uar"] == json.loads((run / "metrics.json").read_text())["uar"]
    assert facts["clean"]["interval"] is None  # one speaker
    assert (run / "robustness.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "noise (SNR, dB): 30 " in shown
    assert f"11 steps of robustness to measure, 0 stand in {run / 'robustness.csv'}" in shown


def test_strength_zero_gives_the_predictions_to_the_last_bit(run, monkeypatch):
    monkeypatch.setattr(robustness, "KINDS", {name: kind._replace(strengths=(kind.none,))
                                              for name, kind in KINDS.items()})
    evaluate([run], dataclasses.replace(OPTIONS, robustness="all"))
    rows, predictions, facts = tables(run)
    assert list(facts["curves"]) == list(KINDS)
    for name in KINDS:
        own = rows[rows.degradation == name].drop(columns=["degradation", "strength"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(own, predictions[own.columns], check_exact=True)


def test_what_was_measured_is_not_measured_again(run, monkeypatch, capsys):
    noise = dataclasses.replace(OPTIONS, robustness="noise")
    evaluate([run], noise)
    before = (run / "robustness.csv").read_bytes(), (run / "robustness.json").read_bytes()
    rows = pd.read_csv(run / "robustness.csv", dtype=str)
    (run / "robustness.csv").write_text(rows[:-4].to_csv(index=False))  # a step whose last clips are not there
    capsys.readouterr()
    evaluate([run], noise)
    assert "2 steps of robustness to measure, 3 stand in" in capsys.readouterr().out
    assert ((run / "robustness.csv").read_bytes(), (run / "robustness.json").read_bytes()) == before
    monkeypatch.setattr(robustness, "FORMAT", 0)
    evaluate([run], dataclasses.replace(OPTIONS, robustness="shift"))
    assert "6 steps of robustness to measure, 0 stand in" in capsys.readouterr().out
    assert list(tables(run)[2]["curves"]) == ["shift"]


def test_a_step_that_ended_is_kept_where_the_next_one_fails(run, monkeypatch):
    asked = robustness.answers_of
    calls = []

    def answers_of(*arguments):
        calls.append(arguments)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return asked(*arguments)

    monkeypatch.setattr(robustness, "answers_of", answers_of)
    with pytest.raises(KeyboardInterrupt):
        evaluate([run], OPTIONS)
    assert set(pd.read_csv(run / "robustness.csv").strength) == {30, 20}


def test_folds_are_joined_clip_by_clip(trained, tmp_path):
    root = shutil.copytree(trained, tmp_path / "runs/fold0").parent
    evaluate([root / "fold0"], dataclasses.replace(OPTIONS, robustness="noise"), root / "pooled")
    own, _, facts = tables(root / "fold0")
    pooled, _, together = tables(root / "pooled")
    pd.testing.assert_frame_equal(own, pooled)
    assert together["curves"] == facts["curves"]


def test_a_modality_taken_away_has_its_own_curves(run):
    with pytest.raises(UserError, match="--robustness shift: changes video and audio, and the network answers from"):
        evaluate([run], dataclasses.replace(OPTIONS, modality="audio"))
    evaluate([run], dataclasses.replace(OPTIONS, modality="audio", robustness="noise"))
    assert (run / "robustness_audio.csv").is_file()
    assert not (run / "robustness.csv").exists()


def test_curves_have_intervals_where_speakers_are_enough():
    clean = make_scored(speakers=8, right=1.0).predicted
    worse = make_scored(speakers=8, right=0.5, seed=3).predicted
    facts = curves_of(clean, {("blur", 1.0): worse.table})
    [point] = facts["curves"]["blur"]["points"]
    assert facts["clean"]["uar"] == 1.0
    assert facts["chance"] == pytest.approx(1 / 3)
    assert point["difference"] == pytest.approx(point["uar"] - 1)
    low, high = point["difference_interval"]
    assert low < point["difference"] < high <= 0
    assert point["interval"] == pytest.approx([low + 1, high + 1])  # the clean side is right whoever is drawn
    assert np.isfinite(point["war"])


def test_a_step_is_resampled_once_and_has_the_intervals_of_any_comparison(monkeypatch):
    drawn = []
    monkeypatch.setattr(robustness, "speaker_draws", lambda *answers: drawn.append(answers) or speaker_draws(*answers))
    clean = make_scored(speakers=8, right=0.9).predicted
    steps = {("blur", float(step)): make_scored(speakers=8, right=0.6, seed=step).predicted.table for step in (1, 2, 4)}
    curves = curves_of(clean, steps)
    assert len(drawn) == len(steps) + 1
    both = (clean.labels, clean.speakers, len(clean.classes))
    assert curves["clean"]["interval"] == list(speaker_intervals(clean.predictions, *both)["uar"])
    for point, table in zip(curves["curves"]["blur"]["points"], steps.values(), strict=True):
        predictions = dataclasses.replace(clean, table=table).predictions
        assert point["interval"] == list(speaker_intervals(predictions, *both)["uar"])
        assert point["difference_interval"] == list(paired_intervals(clean.predictions, predictions, *both)["uar"])


def test_a_broken_table_is_said(run):
    evaluate([run], dataclasses.replace(OPTIONS, robustness="noise"))
    (run / "robustness.csv").write_text("degradation,strength,id\nnoise,x,1\n")
    with pytest.raises(UserError, match=r"robustness\.csv: cannot be read as a table of robustness .*; delete it"):
        evaluate([run], dataclasses.replace(OPTIONS, robustness="noise"))
