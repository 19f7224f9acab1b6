import dataclasses
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from accelerate.state import AcceleratorState
from makers import make_item, replace, tiny_config, tiny_video, tone, write_video, write_wav
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, f1_score, recall_score

from vaer.config import TrainConfig, read_config, write_config
from vaer.errors import RunError, UserError
from vaer.evaluation import opened
from vaer.evaluation.options import Options
from vaer.evaluation.predict import Predictions
from vaer.evaluation.run import evaluate
from vaer.training.run import train

OPTIONS = Options(batch_size=2, num_workers=0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six takes of one speaker, in two repetitions."""
    root = tmp_path_factory.mktemp("run") / "corpus"
    for emotion, hertz in (("01", 300), ("03", 500), ("05", 800)):
        for repetition in "12":
            write_video(root / f"01-01-{emotion}-01-01-0{repetition}-01.mp4", frames=8, size=(32, 32),
                        sound=tone(0.6, 48_000, hertz + 10 * int(repetition))[None])
    return root


def trained(corpus, name, **model):
    """A run of one epoch beside the corpus, tested on the second repetitions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        AcceleratorState._reset_state(reset_partial_state=True)
        config = tiny_config(**model)
        data = dataclasses.replace(config.data, root=str(corpus), protocol="repetition")
        train(dataclasses.replace(config, output=str(corpus.parent / name), data=data,
                                  train=TrainConfig(epochs=1, batch_size=2)))
        yield corpus.parent / name
        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def run(corpus):
    """A run without anything special."""
    yield from trained(corpus, "run")


@pytest.fixture
def adapted(corpus):
    """A run that adapts to speakers."""
    yield from trained(corpus, "adapted", speaker_norm=True)


def read(run, suffix=""):
    return json.loads((run / f"metrics{suffix}.json").read_text()), pd.read_csv(run / f"predictions{suffix}.csv")


def test_names_that_are_not_utf8_stand_in_the_predictions(tmp_path):
    item = make_item(os.fsdecode(b"caf\xe9.mp4"))
    table = opened.table_of([item], ("happy", "sad"), Predictions(np.array([[0.25, 0.75]]), np.array([0])), 0)
    table.to_csv(tmp_path / "predictions.csv", index=False)
    assert r"caf\xe9.mp4,0,1,happy,sad,0.25,0.75" in (tmp_path / "predictions.csv").read_text()


def test_attributes_of_clips_are_columns_of_the_predictions(run):
    evaluate([run], OPTIONS)
    metrics, table = read(run)
    assert list(table)[-5:] == ["channel", "intensity", "statement", "repetition", "sex"]
    assert set(table["intensity"]) == {"normal"}
    assert set(table["repetition"]) == {2}
    assert set(table["sex"]) == {"male"}
    assert (metrics["modality"], metrics["branches"]) == ("both", ["video", "audio"])


def test_clips_that_were_answered_wrongly_stand_beside_the_predictions(run):
    evaluate([run], dataclasses.replace(OPTIONS, modality="audio"))
    table, wrong = read(run, "_audio")[1], pd.read_csv(run / "errors_audio.csv")
    missed = table[table.label != table.prediction]
    assert sorted(wrong["path"]) == sorted(missed["path"])
    assert len(wrong) > 0  # three classes after one epoch
    assert wrong["probability"].is_monotonic_decreasing
    assert wrong["probability"].tolist() == pytest.approx(sorted(
        (row[row["prediction"]] for _, row in missed.iterrows()), reverse=True))


def test_a_run_of_one_branch_says_which(corpus, capsys):
    for run in trained(corpus, "voice", video=dataclasses.replace(tiny_video(), enabled=False)):
        evaluate([run], OPTIONS)
        metrics, _ = read(run)
        assert (metrics["modality"], metrics["branches"]) == ("audio", ["audio"])
        shown = capsys.readouterr().out
        assert "both" not in shown
        assert "audio" in shown.split("UAR")[1]


def test_metrics_can_be_computed_again_from_the_predictions(run, capsys):
    evaluate([run], OPTIONS)
    metrics, table = read(run)
    assert {"uar", "war", "macro_f1", "confusion", "classes", "clips", "protocol", "fold"} <= set(metrics)
    labels = sorted(set(table.label))
    assert metrics["uar"] == pytest.approx(recall_score(table.label, table.prediction, labels=labels, average="macro",
                                                        zero_division=0))
    assert metrics["war"] == pytest.approx(accuracy_score(table.label, table.prediction))
    assert metrics["macro_f1"] == pytest.approx(f1_score(table.label, table.prediction, labels=labels,
                                                         average="macro", zero_division=0))
    assert metrics["classes_present"] == len(labels) == 3
    probabilities = table[metrics["classes"]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)  # they were float32
    assert (np.array(metrics["classes"])[probabilities.argmax(axis=1)] == table.prediction).all()
    assert set(table.id) == {f"01-01-{emotion}-01-01-02-01" for emotion in ("01", "03", "05")}
    assert np.sum(metrics["confusion"]) == metrics["clips"] == 3
    assert (run / "confusion.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "UAR" in shown
    assert "speaker-dependent" in shown


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_a_modality_taken_away_has_its_own_files(run, modality):
    evaluate([run], OPTIONS)
    whole = read(run)[1]
    evaluate([run], dataclasses.replace(OPTIONS, modality=modality))
    metrics, table = read(run, f"_{modality}")
    assert metrics["modality"] == modality
    classes = metrics["classes"]
    assert not np.allclose(table[classes], whole[classes])
    pd.testing.assert_frame_equal(read(run)[1], whole)
    assert (run / f"confusion_{modality}.png").exists()


def test_other_views_have_their_own_files(run, tmp_path):
    windowed = tmp_path / "run"
    shutil.copytree(run, windowed)
    text = (run / "config.yaml").read_text()
    (windowed / "config.yaml").write_text(text.replace("window_s: null", "window_s: 0.2"))
    evaluate([windowed], OPTIONS)
    evaluate([windowed], dataclasses.replace(OPTIONS, views=3))
    assert [read(windowed, suffix)[0]["views"] for suffix in ("", "_views3")] == [1, 3]


def test_scores_depend_neither_on_batches_nor_on_workers(run):
    tables = []
    for changes in ({"batch_size": 1}, {"batch_size": 3}, {"num_workers": 2}):
        evaluate([run], dataclasses.replace(OPTIONS, **changes))
        tables.append(read(run)[1])
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-4)


def test_several_runs_stand_in_one_table(run, capsys):
    evaluate([run, run], OPTIONS)
    assert "UAR +0.000, no interval (fewer than 8 speakers)" in capsys.readouterr().out


def test_a_corpus_may_have_moved(run, tmp_path):
    moved = tmp_path / "moved"
    (run.parent / "corpus").rename(moved)
    try:
        with pytest.raises(UserError, match="corpus: there is no such folder"):
            evaluate([run], OPTIONS)
        evaluate([run], dataclasses.replace(OPTIONS, root=str(moved)))
    finally:
        moved.rename(run.parent / "corpus")


@pytest.mark.parametrize(("changes", "message"), [({"views": 0}, "--views is 0"),
                                                  ({"batch_size": 0}, "--batch_size is 0")])
def test_wrong_options_name_their_flag(run, changes, message):
    with pytest.raises(UserError, match=message):
        evaluate([run], dataclasses.replace(OPTIONS, **changes))


def test_a_branch_that_was_never_trained_is_not_asked(run, tmp_path):
    copy = tmp_path / "voiceless"
    shutil.copytree(run, copy)
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("  audio:\n    enabled: true", "  audio:\n    enabled: false"))
    with pytest.raises(UserError, match=r"--modality audio: .*voiceless was trained without that branch"):
        evaluate([copy], dataclasses.replace(OPTIONS, modality="audio"))


def test_a_run_that_adapts_to_speakers_says_so_in_every_figure(adapted, capsys):
    evaluate([adapted], OPTIONS)
    metrics, whole = read(adapted)
    assert metrics["speaker_norm"]
    assert metrics["adaptation"] == "adapted to each test speaker over its 3 unlabelled clips"
    assert metrics["adaptation"] in capsys.readouterr().out
    evaluate([adapted], dataclasses.replace(OPTIONS, adapt_clips=1))
    metrics, table = read(adapted, "_adapt1")
    assert metrics["adaptation"] == "adapted to each test speaker over its 1 unlabelled clips"
    assert len(table) == len(whole) == 3
    assert not np.allclose(table[metrics["classes"]], whole[metrics["classes"]])
    assert (adapted / "confusion_adapt1.png").exists()


def test_clips_to_adapt_to_are_refused_where_nothing_adapts(run):
    with pytest.raises(UserError, match=r"--adapt_clips 4: .*run was trained without --model\.speaker_norm"):
        evaluate([run], dataclasses.replace(OPTIONS, adapt_clips=4))


def test_another_corpus_than_the_one_learned_is_refused(run, monkeypatch):
    before = (run / "metrics.json").read_bytes()
    monkeypatch.setattr("vaer.data.corpora.ravdess.labels", lambda *_: ("sad", "happy"))
    with pytest.raises(UserError, match="its classes are sad, happy"):
        evaluate([run], OPTIONS)
    assert (run / "metrics.json").read_bytes() == before


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A table of four labels, two clips each; the network knows happy, angry and disgust, by other names."""
    root = tmp_path_factory.mktemp("corpora") / "mine"
    rows = ["path,label,speaker"]
    for number, label in enumerate(("joy", "anger", "disgust", "boredom") * 2):
        write_wav(root / f"{number}.wav", tone(0.4, hertz=200 + 50 * number))
        rows.append(f"{number}.wav,{label},{number % 3}")
    (root / "table.csv").write_text("\n".join(rows))
    return root


def elsewhere(root, **label_map):
    return dataclasses.replace(OPTIONS, corpus="csv", root=str(root), label_map=label_map)


def test_another_corpus_is_scored_whole_over_the_classes_that_both_have(run, other, capsys):
    evaluate([run], OPTIONS)
    before = (run / "metrics.json").read_bytes()
    evaluate([run], elsewhere(other, joy="happy", anger="angry"))
    metrics, table = read(run, "_mine")
    assert metrics["classes"] == ["happy", "angry", "disgust"]  # in the network's order
    assert metrics["classes_dropped"] == ["neutral", "calm", "sad", "fearful", "surprised"]
    assert metrics["left_out"] == {"boredom": 2}
    assert (metrics["protocol"], metrics["corpus"], metrics["learned_from"]) == ("cross_corpus", "mine", "ravdess")
    assert metrics["clips"] == len(table) == 6
    assert sorted(table.label) == ["angry", "angry", "disgust", "disgust", "happy", "happy"]
    np.testing.assert_allclose(table[metrics["classes"]].sum(axis=1), 1, rtol=1e-6)
    assert (np.array(metrics["classes"])[table[metrics["classes"]].to_numpy().argmax(axis=1)] == table.prediction).all()
    assert metrics["calibration"]["error_scaled"] is None
    assert (run / "confusion_mine.png").exists()
    assert (run / "metrics.json").read_bytes() == before
    shown = capsys.readouterr().out
    assert "repetition: test speakers 0, 1, 2 (6 clips); answers among happy, angry, disgust; left out: boredom (2 " \
           "clips)" in shown
    assert shown.split("\ntest clips\n")[-2].split(f"{run}:\n")[-1].strip().splitlines() == [
        "answers among 3 of 8 classes: mine has no clips of neutral, calm, sad, fearful,", "  surprised",
        "2 clips of mine left out: boredom 2",
        "3 classes, clips that are tested: happy 2, angry 2, disgust 2",
        "speakers that are tested: 3, 2 clips each: 0, 1, 2"]


def test_what_is_not_seen_whole_is_said_first_and_with_the_scores(run, tmp_path, capsys):
    short = tmp_path / "run"
    shutil.copytree(run, short)
    text = (run / "config.yaml").read_text()
    (short / "config.yaml").write_text(text.replace("max_seconds: 10.0", "max_seconds: 0.5"))
    evaluate([short], OPTIONS)
    shown = capsys.readouterr().out
    assert "3 of 3 test clips longer than data.max_seconds 0.5 (up to 0.8 s): cut to the middle" in shown.split(
        "\ntest clips\n")[0]
    assert "3 of 3 clips longer than data.max_seconds 0.5, cut to the middle" in shown
    assert (read(short)[0]["clips_cut"], read(short)[0]["max_seconds"]) == (3, 0.5)


def test_labels_that_the_network_knows_in_another_spelling_are_said(run, tmp_path, caplog):
    for number, label in enumerate(("happy", "angry", "Sad", "disgust")):
        write_wav(tmp_path / "cased" / f"{number}.wav", tone(0.4, hertz=200 + 50 * number))
        with (tmp_path / "cased" / "table.csv").open("a") as file:
            file.write("path,label\n" * (number == 0) + f"{number}.wav,{label}\n")
    evaluate([run], elsewhere(tmp_path / "cased"))
    assert "the labels 'Sad' and 'sad' are spellings of one name, which the network has learned in one" in caplog.text
    metrics = read(run, "_cased")[0]
    assert (metrics["left_out"], metrics["speakers"], metrics["intervals"]) == ({"Sad": 1}, 0, None)


def test_labels_that_the_map_leaves_out_are_counted_too(run, other):
    evaluate([run], dataclasses.replace(elsewhere(other, joy="happy", anger="angry", disgust=None), modality="audio"))
    metrics, table = read(run, "_mine_audio")
    assert metrics["classes"] == ["happy", "angry"]
    assert metrics["left_out"] == {"boredom": 2, "disgust": 2}
    assert len(table) == 4


def test_a_corpus_that_the_weights_may_have_seen_is_warned_of(run, other, tmp_path):
    """The run started from one that had learned from the other corpus."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    for folder in (source, copy):
        shutil.copytree(run, folder)
    config = read_config(copy / "config.yaml")
    write_config(replace(config, "model", init=str(source)), copy / "config.yaml")
    write_config(replace(config, "data", corpus="csv", root=str(other), protocol="speakers3"), source / "config.yaml")
    evaluate([copy], elsewhere(other, joy="happy"))
    [warning] = read(copy, "_mine")[0]["warnings"]
    assert "learned from mine under speakers3 fold 0: it may have seen speakers" in warning


@pytest.mark.parametrize(("changes", "message"), [
    ({}, r"labels are anger, boredom, disgust, joy, and .* learned neutral, .* two in common, which --label_map"),
    ({"label_map": {"fear": "fearful"}}, r"table\.csv: the label map names fear"),
    ({"root": None}, "--corpus csv needs --root"),
    ({"root": "some/audio"}, r"--root some/audio: .* those of --modality audio; rename the folder"),
    ({"corpus": "ravdess"}, r"run: learned from ravdess; leave --corpus out"),
    ({"corpus": "demo", "label_map": {"a": "b"}}, r"--label_map is for --corpus csv and folders"),
    ({"corpus": None, "label_map": {"a": "b"}}, r"--label_map is for --corpus csv and folders"),
])
def test_another_corpus_that_does_not_go_is_said(run, other, changes, message):
    with pytest.raises(UserError, match=message):
        evaluate([run], dataclasses.replace(elsewhere(other), **changes))


def test_several_views_of_whole_clips_are_refused(run):
    with pytest.raises(UserError, match=r"--evaluate\.views 3 needs --data\.window_s"):
        evaluate([run], dataclasses.replace(OPTIONS, views=3))


@pytest.mark.parametrize(("name", "content"), [("config.json", b"{"), ("config.json", b"{}"),
                                               ("model.safetensors", b"\x10\x00")])
def test_a_run_that_is_not_whole_is_said(run, tmp_path, name, content):
    copy = tmp_path / "damaged"
    shutil.copytree(run, copy)
    (copy / "best" / name).write_bytes(content)
    with pytest.raises(UserError, match=r"damaged/best: config\.json and model\.safetensors are not those of a whole"):
        evaluate([copy], OPTIONS)


@pytest.mark.parametrize(("name", "modality"), [
    ("fusion.classifier.weight", "both"), ("video_head.classifier.bias", "both"),
    ("audio_head.classifier.bias", "audio")])
def test_a_network_that_answers_no_number_is_neither_scored_nor_written(run, tmp_path, name, modality):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("metrics*", "predictions*"))
    path = tmp_path / "run" / "best" / "model.safetensors"
    tensors = load_file(path)
    tensors[name].view(-1)[-1] = float("nan")
    save_file(tensors, path)
    with pytest.raises(RunError, match=rf"to 3 clips, first to clip 01-01-01-01-01-02-01 \(.*\.mp4\).*\({name}\)"):
        evaluate([tmp_path / "run"], dataclasses.replace(OPTIONS, modality=modality))
    assert not [*(tmp_path / "run").glob("metrics*"), *(tmp_path / "run").glob("predictions*")]


def test_a_folder_without_a_trained_network_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no trained network"):
        evaluate([tmp_path], OPTIONS)
