import json
import re

import pytest
from makers import tiny_config, tiny_network

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.errors import NewerFormatError, UserError
from vaer.models.network import load_network
from vaer.runs.folder import BestFolder, RunFolder, best_of, is_run, run_of, runs_among


@pytest.fixture
def trained(tmp_path):
    tiny_network().save_pretrained(tmp_path / "run" / "best")
    write_config(tiny_config(), tmp_path / "run" / "config.yaml")
    write_facts(tmp_path / "run" / "run.json", {"finished": True, "seed": 3})
    return RunFolder(tmp_path / "run")


def test_a_trained_run_says_what_it_is(trained):
    trained.require_trained()
    assert (trained.is_begun(), trained.is_finished(), trained.has_folds()) == (True, True, False)
    assert trained.settings() == tiny_config()
    assert trained.facts()["seed"] == 3
    assert trained.folds() == [trained]
    assert str(trained) == str(trained.path)
    assert trained.best.classes == ("class0", "class1", "class2")
    assert trained.best.is_whole()
    assert run_of(best_of(trained.path)) == trained


def test_a_folder_without_a_run_says_so(tmp_path):
    run = RunFolder(tmp_path)
    assert (run.is_begun(), run.is_finished(), run.has_folds(), run.best.is_whole()) == (False,) * 4
    assert run.facts() == {}
    assert best_of(tmp_path) is None
    with pytest.raises(UserError, match=r"holds no trained network \(best/model.safetensors\)"):
        run.require_trained()
    with pytest.raises(UserError, match=r"config.yaml: cannot be read as settings"):
        run.settings()
    with pytest.raises(UserError, match=r"best/config.json: cannot be read"):
        run.best.settings  # noqa: B018 (what is asked raises)


@pytest.mark.parametrize(("content", "message"), [
    ("{", "is not JSON"), ("version https://git-lfs.github.com/spec/v1", "is a git-lfs pointer"),
    ("[1]", "holds no settings"), ('{"settings": {"model": 3}}', "holds no settings")])
def test_settings_that_are_none_are_refused(tmp_path, content, message):
    best = BestFolder(tmp_path)
    best.config_path.write_text(content)
    with pytest.raises(UserError, match=rf"config.json: {message}"):
        best.classes  # noqa: B018


def test_settings_that_a_newer_vaer_wrote_are_an_error_of_their_own(trained):
    content = json.loads(trained.best.config_path.read_text())
    content["settings"]["format"] = 99
    trained.best.config_path.write_text(json.dumps(content))
    with pytest.raises(NewerFormatError, match=r"best/config.json: was written by a newer vaer \(format 99; this one"):
        trained.best.classes  # noqa: B018
    with pytest.raises(NewerFormatError, match=r"best: was written by a newer vaer \(format 99"):
        load_network(trained.best.path)
    assert best_of(trained.path) == trained.best  # it is a run all the same


def test_folds_are_those_of_the_protocol_and_all_of_them(trained, tmp_path):
    whole = RunFolder(tmp_path)
    trained.path.rename(whole.fold(0).path)
    with pytest.raises(UserError, match=r"fold1, fold2, fold3, fold4, fold5 of 6 folds did not finish.*resume true, or "
                                        r"score single folds such as .*fold0"):
        whole.folds()
    whole.fold(0).split_path.write_text("id,side,fold\na,train,0\nb,test,1\n")  # what it learned from counts
    whole.fold(1).path.mkdir()
    write_facts(whole.fold(1).facts_path, {"finished": True})
    assert whole.folds() == [whole.fold(0), whole.fold(1)]
    learned = whole.fold(0).as_learned(tiny_config().data)
    assert learned.protocol == str(whole.fold(0).split_path)
    assert whole.fold(1).as_learned(learned) == learned  # has no copy


def test_the_refit_stands_beside_its_run(tmp_path):
    assert RunFolder(tmp_path / "a").refit == RunFolder(tmp_path / "a-refit")


def test_run_json_that_is_broken_is_named(trained):
    trained.facts_path.write_text(json.dumps([1]))
    with pytest.raises(UserError, match=rf"{re.escape(str(trained.facts_path))}: cannot be read"):
        trained.is_finished()


def test_files_of_evaluations_carry_their_suffix(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.metrics_path("_audio").name == "metrics_audio.json"
    assert folder.predictions_path("_audio").name == "predictions_audio.csv"
    assert folder.errors_path().name == "errors.csv"
    for name in ("metrics.json", "predictions.csv", "metrics_views5.json", "predictions_views5.csv",
                 "metrics_audio.json"):  # without its predictions
        (tmp_path / name).touch()
    assert folder.scored_suffixes() == ["", "_views5"]


def test_a_run_is_known_by_its_folder_its_best_and_its_folds(trained, tmp_path):
    trained.path.rename(tmp_path / "all-fold0")
    (tmp_path / "all").mkdir()
    (tmp_path / "all-fold0").rename(tmp_path / "all" / "fold0")
    runs = ("all", "all/fold0", "all/fold0/best")
    assert [name for name in (*runs, ".", "all/fold0/run.json", "nowhere") if is_run(tmp_path / name)] == [*runs]
    (tmp_path / "films" / "fold0").mkdir(parents=True)
    assert not is_run(tmp_path / "films")


def test_runs_are_known_by_their_files(trained, tmp_path):
    files = [str(path) for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert runs_among(files) == [trained]
    assert runs_among([str(trained.facts_path)]) == runs_among([str(trained.best.config_path)]) == [trained]
    assert runs_among([str(trained.best.weights_path), str(tmp_path / "config.json"), "run.json.bak"]) == []
