import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from accelerate.state import AcceleratorState
from makers import shared, tiny_config, tone, write_wav
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from vaer.config import AudioConfig, Config, DataConfig, ModelConfig, TrainConfig, VideoConfig, read_config
from vaer.errors import UserError
from vaer.evaluation.options import Options
from vaer.evaluation.run import evaluate
from vaer.training.folds import expand, train_folds

OPTIONS = Options(num_workers=0)
VOICE = ModelConfig(video=VideoConfig(preset="tiny", enabled=False),
                    audio=AudioConfig(preset="tiny", dim=16, heads=2, layers=1))
pytestmark = pytest.mark.usefixtures("fresh_accelerator")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four speakers with two takes of two emotions; a file of two folds, each with a validation speaker."""
    root = tmp_path_factory.mktemp("corpus")
    rows = ["id,side,fold"]
    for actor in range(1, 5):
        for emotion in (3, 5):
            for repetition in (1, 2):
                name = f"03-01-0{emotion}-01-01-0{repetition}-0{actor}"
                write_wav(root / f"{name}.wav", tone(0.4, hertz=100 * emotion + 10 * actor + repetition))
                rows += [f"{name},{side},{fold}" for fold, sides in enumerate(
                    (("test", "validation", "train", "train"), ("train", "train", "test", "validation")))
                    for side in [sides[actor - 1]]]
    (root / "folds.csv").write_text("\n".join(rows))
    return root


def settings(corpus, output, fold="all", **train) -> Config:
    config = tiny_config()
    data = dataclasses.replace(config.data, root=str(corpus), protocol=str(corpus / "folds.csv"), fold=fold)
    return Config(output=str(output), data=data, model=VOICE,
                  train=TrainConfig(**{"epochs": 2, "batch_size": 4, "lr": 1e-2} | train))


def facts(folder):
    return json.loads((folder / "run.json").read_text())


def test_all_folds_stand_in_folders_and_finished_ones_are_skipped(corpus, tmp_path, capsys):
    train_folds(settings(corpus, tmp_path / "run"))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["fold0", "fold1"]
    assert "test speakers 3 (4 clips)" in facts(tmp_path / "run" / "fold1")["split"]
    assert f"vaer evaluate {tmp_path / 'run'}" in capsys.readouterr().out
    before = (tmp_path / "run" / "fold1" / "run.json").stat().st_mtime_ns
    train_folds(settings(corpus, tmp_path / "run"))
    assert "fold1: finished already, skipped" in capsys.readouterr().out
    assert (tmp_path / "run" / "fold1" / "run.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"other values of train\.audio_lr, train\.lr"):
        train_folds(settings(corpus, tmp_path / "run", lr=1e-3))


def test_a_fold_of_all_is_the_fold_by_itself(corpus, tmp_path):
    train_folds(settings(corpus, tmp_path / "all"))
    AcceleratorState._reset_state(reset_partial_state=True)
    train_folds(settings(corpus, tmp_path / "one", fold=1))
    logs = [[json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
            for folder in (tmp_path / "all" / "fold1", tmp_path / "one")]
    assert logs[0] == logs[1]


def test_refit_trains_on_validation_too_to_the_epoch_that_it_chose(corpus, tmp_path):
    train_folds(settings(corpus, tmp_path / "run", fold=0, epochs=3, refit=True))
    first, again = facts(tmp_path / "run"), facts(tmp_path / "run-refit")
    assert again["epochs"] == again["best_epoch"] == first["best_epoch"]
    assert "train speakers 3, 4 (8 clips); validation speakers 2" in again["split"]
    assert again["split"].endswith("validation clips train too")
    written = read_config(tmp_path / "run-refit" / "config.yaml")
    assert (written.data.validation, written.train.stop_epoch) == ("train", first["best_epoch"])
    assert written.train.epochs == 3  # the learning rates are those of the whole plan


def test_refit_without_validation_clips_is_refused_before_anything_is_trained(corpus, tmp_path):
    config = settings(corpus, tmp_path / "run", refit=True)
    data = dataclasses.replace(config.data, protocol="repetition")
    with pytest.raises(UserError, match=r"--train\.refit wants validation clips"):
        train_folds(dataclasses.replace(config, data=data))
    assert not (tmp_path / "run").exists()


def test_a_single_fold_is_itself():
    config = Config(output="runs/x", data=DataConfig(fold=3))
    assert expand(config) == [config]
    assert [run.output for run in expand(dataclasses.replace(config, data=DataConfig(fold="all")))] == [
        f"runs/x/fold{number}" for number in range(6)]


def test_folds_that_are_not_trained_are_named(corpus, tmp_path):
    train_folds(settings(corpus, tmp_path / "run" / "fold0", fold=0))
    with pytest.raises(UserError, match="fold1 of 2 folds did not finish training"):
        evaluate([tmp_path / "run"], OPTIONS)
    stopped = facts(tmp_path / "run" / "fold0") | {"finished": False}  # its best network so far is no result
    (tmp_path / "run" / "fold0" / "run.json").write_text(json.dumps(stopped))
    with pytest.raises(UserError, match="fold0, fold1 of 2 folds did not finish training"):
        evaluate([tmp_path / "run"], OPTIONS)


def test_runs_are_pooled_on_demand_and_foreign_ones_refused(corpus, tmp_path):
    for fold in (0, 1):
        train_folds(settings(corpus, tmp_path / f"run{fold}", fold=fold))
        AcceleratorState._reset_state(reset_partial_state=True)
    evaluate([tmp_path / "run0", tmp_path / "run1"], OPTIONS, tmp_path / "both")
    assert json.loads((tmp_path / "both" / "metrics.json").read_text())["clips"] == 8
    with pytest.raises(UserError, match=r"4 clips scored in more than one of them"):
        evaluate([tmp_path / "run0", tmp_path / "run0"], OPTIONS, tmp_path / "twice")
    other = settings(corpus, tmp_path / "other", fold=0)
    train_folds(dataclasses.replace(other, data=dataclasses.replace(other.data, protocol="repetition")))
    with pytest.raises(UserError, match=r"cannot be pooled: they differ in data\.protocol"):
        evaluate([tmp_path / "run0", tmp_path / "other"], OPTIONS, tmp_path / "mixed")


def test_all_folds_answer_to_another_corpus(corpus, tmp_path, capsys):
    train_folds(settings(corpus, tmp_path / "run", epochs=1))
    rows = [f"{number}.wav,{label},{number}" for number, label in enumerate(("happy", "angry", "bored"))]
    for number in range(3):
        write_wav(tmp_path / "other" / f"{number}.wav", tone(0.4, hertz=200 * (number + 1)))
    (tmp_path / "other" / "table.csv").write_text("\n".join(["path,label,speaker", *rows]))
    evaluate([tmp_path / "run"], dataclasses.replace(OPTIONS, corpus="csv", root=str(tmp_path / "other")))
    tables = [pd.read_csv(tmp_path / "run" / part / "predictions_other.csv") for part in ("fold0", "fold1", "pooled")]
    assert [list(table.id) for table in tables] == [[0, 1]] * 3
    np.testing.assert_allclose(tables[2].happy, (tables[0].happy + tables[1].happy) / 2)
    shown = capsys.readouterr().out
    assert "cross_corpus" in shown
    assert "ensemble" in shown
    assert not (tmp_path / "run" / "pooled" / "metrics.json").exists()


def test_nothing_is_scored_before_every_run_was_looked_at(corpus, tmp_path):
    train_folds(settings(corpus, tmp_path / "run", fold=0))
    train_folds(settings(corpus, tmp_path / "other", fold=1, lr=0.5))
    with pytest.raises(UserError, match="typo: holds no trained network"):
        evaluate([tmp_path / "run", tmp_path / "typo"], OPTIONS)
    with pytest.raises(UserError, match=r"cannot be pooled: they differ in train\.audio_lr, train\.lr"):
        evaluate([tmp_path / "run", tmp_path / "other"], OPTIONS, tmp_path / "both")
    assert not (tmp_path / "run" / "metrics.json").exists()
    (tmp_path / "notes").touch()
    with pytest.raises(UserError, match=r"--pool .*notes: is a file"):
        evaluate([tmp_path / "run"], OPTIONS, tmp_path / "notes")
    with pytest.raises(UserError, match=r"--pool .*run: is the folder of a run"):
        evaluate([tmp_path / "run"], OPTIONS, tmp_path / "run")


def test_a_run_is_scored_by_the_split_that_it_learned_from(corpus, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text((corpus / "folds.csv").read_text())
    config = settings(corpus, tmp_path / "run", fold=0)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, protocol=str(path)))
    train_folds(config)
    path.write_text(path.read_text().replace("test", "other").replace("train", "test").replace("other", "train"))
    evaluate([tmp_path / "run"], OPTIONS)
    assert set(pd.read_csv(tmp_path / "run" / "predictions.csv").speaker) == {1}
    with pytest.raises(UserError, match=r"began with another content of .*mine\.csv, kept in .*split\.csv"):
        train_folds(dataclasses.replace(config, train=dataclasses.replace(config.train, resume=True)))


def test_speakers_who_left_the_folder_move_nobody_to_another_side(corpus, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(corpus, root)
    config = settings(corpus, tmp_path / "run", fold=0)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, root=str(root), protocol="speakers3"))
    train_folds(config)
    assert facts(tmp_path / "run")["speakers"] == {"train": ["3"], "validation": ["2"]}
    for path in root.glob("*-01.wav"):
        path.unlink()
    with pytest.raises(UserError, match=r"speakers3 now tests speakers 2, of whom .*run has learned"):
        evaluate([tmp_path / "run"], OPTIONS)
    with pytest.raises(UserError, match=r"began with speakers 3, and --data\.root now makes that 4"):
        train_folds(dataclasses.replace(config, train=dataclasses.replace(config.train, resume=True)))


def test_what_is_wrong_with_a_later_fold_is_said_before_the_first_is_trained(corpus, tmp_path):
    path = tmp_path / "late.csv"
    path.write_text((corpus / "folds.csv").read_text() + "\n03-01-05-01-01-01-24,train,1")
    config = settings(corpus, tmp_path / "run")
    with pytest.raises(UserError, match="holds no clip 03-01-05-01-01-01-24"):
        train_folds(dataclasses.replace(config, data=dataclasses.replace(config.data, protocol=str(path))))
    assert not (tmp_path / "run").exists()


def test_each_fold_starts_from_the_same_fold_of_another_study(tmp_path):
    for fold in (0, 1):
        (tmp_path / "voices" / f"fold{fold}").mkdir(parents=True)
    model = ModelConfig(video=VideoConfig(pretrained="SLOWFAST_8x8_R50.pkl"),
                        audio=AudioConfig(pretrained=str(tmp_path / "voices")))
    runs = expand(Config(output="runs/x", data=DataConfig(fold="all"), model=model))
    assert [run.model.audio.pretrained for run in runs[:2]] == [f"{tmp_path}/voices/fold{fold}" for fold in (0, 1)]
    assert {run.model.video.pretrained for run in runs} == {"SLOWFAST_8x8_R50.pkl"}


@pytest.mark.slow
def test_five_folds_of_real_speech_and_every_number_again_from_the_predictions(tmp_path, capsys):
    root = tmp_path / "first_statement_once"
    root.mkdir()
    for path in shared("ravdess_speech").rglob("03-01-??-??-01-01-*.flac"):
        (root / path.name).symlink_to(path)
    data = DataConfig(root=str(root), protocol="ravdess_dev5", fold="all", window_s=0.8, num_workers=0, num_frames=8,
                      allow_missing=True)
    train_folds(Config(output=str(tmp_path / "run"), data=data, model=VOICE,
                       train=TrainConfig(epochs=1, batch_size=16, lr=3e-3)))
    evaluate([tmp_path / "run"], dataclasses.replace(OPTIONS, batch_size=64))
    folders = [tmp_path / "run" / name for name in ("fold0", "fold1", "fold2", "fold3", "fold4", "pooled")]
    for folder in folders:
        check_numbers(json.loads((folder / "metrics.json").read_text()), pd.read_csv(folder / "predictions.csv"))
    pooled = json.loads((folders[-1] / "metrics.json").read_text())
    assert pooled["clips"] == 300
    assert pooled["speakers"] == 20
    assert len(pooled["calibration"]["temperatures"]) == 5
    assert pooled["intervals"]["uar"][0] < pooled["uar"] < pooled["intervals"]["uar"][1]
    parts = [json.loads((folder / "metrics.json").read_text()) for folder in folders[:-1]]
    assert pooled["mean_of_folds"]["uar"] == pytest.approx(np.mean([part["uar"] for part in parts]))
    assert all(part["intervals"] is None for part in parts)  # four speakers
    assert "mean of its folds" in capsys.readouterr().out


def check_numbers(metrics, table):
    classes, labels, predictions = metrics["classes"], table.label, table.prediction
    probabilities = table[classes].to_numpy()
    assert (np.array(classes)[probabilities.argmax(axis=1)] == predictions).all()
    average = {"labels": classes, "zero_division": 0}
    assert metrics["clips"] == len(table)
    assert metrics["war"] == pytest.approx(accuracy_score(labels, predictions))
    assert metrics["uar"] == pytest.approx(recall_score(labels, predictions, average="macro", **average))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, predictions, average="macro", **average))
    assert metrics["confusion"] == confusion_matrix(labels, predictions, labels=classes).tolist()
    for name, function in (("recall", recall_score), ("precision", precision_score), ("f1", f1_score)):
        each = function(labels, predictions, average=None, **average)
        assert [metrics["per_class"][label][name] for label in classes] == pytest.approx(each.tolist())
    for speaker, row in metrics["per_speaker"].items():
        part = table[table.speaker.astype(str) == speaker]
        assert row["clips"] == len(part) == 15
        assert row["war"] == pytest.approx(accuracy_score(part.label, part.prediction))
        assert row["uar"] == pytest.approx(recall_score(part.label, part.prediction, average="macro", **average))
