from pathlib import Path

import numpy as np
import pytest
from makers import leave_scored, make_scored

from vaer.errors import UserError
from vaer.evaluation.calibration import scale
from vaer.evaluation.rows import read_rows
from vaer.evaluation.scored import pool

MODEL = {"video": {"enabled": True, "pretrained": None}, "audio": {"enabled": True, "pretrained": None}, "init": None}


def leave(folder, seed=0, fold=0, suffix="", model=None, **data):
    """What the evaluation of a run of this seed leaves."""
    settings = {"seed": seed, "output": str(folder), "model": MODEL | (model or {}),
                "data": {"fold": fold, "root": "data/demo", "num_workers": seed} | data}
    return str(leave_scored(make_scored(folder, speakers=8, seed=seed, fold=fold, temperature=2.0), suffix, settings))


def told(rows):
    return [(row.name, [str(part.folder) for part in row.parts]) for row in rows]


def test_seeds_and_folds_of_the_same_settings_are_one_row(tmp_path):
    words = [leave(tmp_path / f"run_s{seed}_f{fold}", seed=seed, fold=fold) for seed in (0, 1) for fold in (0, 1)]
    other = leave(tmp_path / "voice_s0", model={"video": {"enabled": False, "pretrained": None}})
    assert told(read_rows([words[0], other, *words[1:]])) == [("run_s*", words), ("voice_s0", [other])]


@pytest.mark.parametrize("change", [{"root": "data/other"}, {"size": 48}, {"model": {"init": "runs/x"}}])
def test_other_settings_are_other_rows(tmp_path, change):
    words = [leave(tmp_path / "a"), leave(tmp_path / "b", seed=1, **change)]
    assert len(read_rows(words)) == 2


def test_weights_of_each_fold_are_the_same_start(tmp_path):
    words = [leave(tmp_path / f"run{fold}", fold=fold, model={"init": f"runs/x/fold{fold}"}) for fold in (0, 1)]
    assert len(read_rows(words)) == 1
    assert len(read_rows([*words, leave(tmp_path / "c", fold=2, model={"init": "runs/y/fold2"})])) == 2


def test_the_same_fold_and_seed_again_is_a_row_of_its_own(tmp_path):
    words = [leave(tmp_path / "a"), leave(tmp_path / "b")]  # by another version, say
    assert told(read_rows(words)) == [("a", words[:1]), ("b", words[1:])]


@pytest.mark.parametrize(("words", "names"), [
    (["runs/face"], ["face"]), (["runs/face", "runs/voice/"], ["face", "voice"]),
    (["./runs/face", "runs//voice"], ["face", "voice"]), (["runs/face", "runs/deep/face"], ["face", "deep/face"]),
    (["runs/face", "elsewhere/voice"], ["runs/face", "elsewhere/voice"]),
    (["voice=runs/face", "runs/voice"], ["voice", "runs/voice"]), (["x=runs/face", "runs/voice"], ["x", "voice"]),
    (["runs/face", "./runs/face"], ["runs/face", "./runs/face"]), (["runs/face", "HERE/runs/voice"], None)])
def test_rows_are_named_below_the_folder_that_holds_them_all(tmp_path, monkeypatch, words, names):
    """Runs of one name, or beside a row that was given that name, keep their whole path."""
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/face", "runs/deep/face", "runs/voice", "elsewhere/voice"):
        leave(tmp_path / folder, seed=len(folder), size=len(folder))
    words = [word.replace("HERE", str(tmp_path)) for word in words]
    assert [row.name for row in read_rows(words)] == (names or words)


def test_folders_that_share_no_letter_keep_the_one_that_holds_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [leave(Path("runs") / name, seed=seed) for seed, name in enumerate("ab")]
    assert [row.name for row in read_rows(words)] == ["runs/*"]


def test_folders_without_settings_are_not_merged(tmp_path):
    words = [str(leave_scored(make_scored(tmp_path / f"run{seed}", seed=seed))) for seed in (0, 1)]
    assert len(read_rows(words)) == 2
    assert told(read_rows([f"x={word}" for word in words])) == [("x", words)]


def test_a_name_makes_one_row_of_runs_that_moved_their_corpus(tmp_path):
    words = [leave(tmp_path / "a"), leave(tmp_path / "b", seed=1, root="/elsewhere"),
             leave(tmp_path / "c", seed=2, model={"init": "runs/x2"})]
    assert told(read_rows([f"the whole={word}" for word in words])) == [("the whole", words)]
    odd = leave(tmp_path / "d", seed=3, size=48)
    with pytest.raises(UserError, match=rf"x: {words[0]} and {odd} differ in data\.size; give them names of their own"):
        read_rows([f"x={words[0]}", f"x={odd}"])
    leave(tmp_path / "b", seed=1, suffix="_audio")
    with pytest.raises(UserError, match="differ in what is taken of them"):
        read_rows([f"x={words[0]}", f"x={words[1]}:audio"])


def test_what_stands_after_the_colon_names_the_files(tmp_path):
    run = leave(tmp_path / "run")
    for suffix in ("_audio", "_emodb_views5"):
        leave(tmp_path / "run", suffix=suffix)
    assert [row.name for row in read_rows([f"{run}:audio", run, f"{run}:emodb_views5", f"{run}:both"])] == [
        "run:audio", "run", "run:emodb_views5", "run:both"]
    with pytest.raises(UserError, match=rf"make it with `vaer evaluate {run} --modality video`"):
        read_rows([f"{run}:video"])


@pytest.mark.parametrize("name", ["lr=0.1", "a:b", "a,b", "name=run:audio"])
def test_a_folder_may_have_any_name(tmp_path, name):
    run = leave(tmp_path / name)
    assert told(read_rows([run])) == [(name, [run])]
    leave(tmp_path / name, suffix="_audio")
    assert told(read_rows([f"voice={run}:audio"])) == [("voice", [run])]
    assert [row.name for row in read_rows([f"{run}:audio"])] == [f"{name}:audio"]


def test_a_product_is_of_a_networks_modalities_or_of_networks_of_their_own(tmp_path):
    run, voice = leave(tmp_path / "run", seed=1), leave(tmp_path / "voice", seed=1)
    for suffix in ("_video", "_audio"):
        leave(tmp_path / "run", seed=1, suffix=suffix)
    own, two, mixed = read_rows([f"{run}:product", f"x={run},{voice}:product", f"{run}:video,{voice}:product"])
    assert own.parts[0].facts["product_of"] == [f"{run}:video", f"{run}:audio"]
    assert two.parts[0].facts["product_of"] == [run, voice]
    assert mixed.parts[0].facts["product_of"] == [f"{run}:video", voice]
    assert (own.name, two.name, mixed.name) == ("run:product", "x", "run:video,voice:product")
    once = make_scored(speakers=8, seed=1).predicted
    by_hand = scale(once.probabilities, 2.0) ** 2
    order = np.argsort(once.table["id"].to_numpy(dtype=str))
    np.testing.assert_allclose(own.parts[0].predicted.probabilities,
                               (by_hand / by_hand.sum(axis=1, keepdims=True))[order])
    with pytest.raises(UserError, match=rf"predictions_video\.csv: is not there .* `vaer evaluate {voice} --modality"):
        read_rows([f"{voice}:product"])


def test_products_of_several_seeds_are_one_row(tmp_path):
    pairs = [(leave(tmp_path / f"face{seed}", seed=seed), leave(tmp_path / f"voice{seed}", seed=seed, size=8))
             for seed in (0, 1)]
    rows = read_rows([f"{face},{voice}:product" for face, voice in pairs])
    assert len(rows) == 1
    assert len(rows[0].parts) == 2


def test_a_folder_of_folds_goes_by_the_settings_of_its_folds(tmp_path):
    for seed in (0, 1):
        run = tmp_path / f"run{seed}"
        for fold in (0, 1):
            leave(run / f"fold{fold}", seed=seed, fold=fold)
        leave_scored(pool(run / "pooled", [make_scored(run / f"fold{fold}", seed=seed, fold=fold) for fold in (0, 1)]))
    words = [str(tmp_path / "run0"), str(tmp_path / "run1")]
    assert told(read_rows(words)) == [("run*", words)]
    pooled = [words[0], f"{words[1]}/pooled"]
    assert len(read_rows(pooled)) == 1


@pytest.mark.parametrize(("words", "message"), [
    (["RUN", "RUN"], "RUN is named twice; name each run once"), (["=RUN"], "=RUN: wants a name and a run"),
    (["x="], "x=: wants a name and a run"), (["nowhere"], "nowhere: there is no such folder"),
    (["nowhere:audio"], "nowhere: there is no such folder"), (["x=nowhere"], "nowhere: there is no such folder")])
def test_words_that_name_nothing_are_refused(tmp_path, words, message):
    run = leave(tmp_path / "run")
    with pytest.raises(UserError, match=message.replace("RUN", run)):
        read_rows([word.replace("RUN", run) for word in words])


def test_settings_that_are_no_yaml_are_one_sentence(tmp_path):
    run = leave(tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"config\.yaml: cannot be read"):
        read_rows([run])
