import json

import pytest
import torch
from makers import make_recipe, tiny_network, write_run

from vaer.errors import UserError
from vaer.inference.network import POPULATION, open_network


def test_a_network_is_opened_with_all_that_it_must_know(tmp_path):
    run = write_run(tmp_path / "run", make_recipe(remark="drawn faces, synthetic voices"))
    trained = open_network(run, "cpu")
    assert trained.recipe == make_recipe(remark="drawn faces, synthetic voices")
    assert trained.notes == ("learned from drawn faces, synthetic voices: not for people",)
    assert not trained.network.training
    assert trained.device == torch.device("cpu")
    assert open_network(run / "best", "cpu").sha256 == trained.sha256


def test_its_notice_comes_first_and_drawn_faces_alone_are_not_for_people(tmp_path):
    composed = make_recipe(remark="voice and face of different people", notice="a licence")
    assert open_network(write_run(tmp_path / "a", composed), "cpu").notes == (
        "a licence", "learned from voice and face of different people")
    redrawn = make_recipe(remark="redrawn faces, recorded voices")
    assert open_network(write_run(tmp_path / "b", redrawn), "cpu").notes == (
        "learned from redrawn faces, recorded voices: not for people",)


def test_a_network_that_adapts_says_that_it_does_not(tmp_path):
    assert open_network(write_run(tmp_path, speaker_norm=True), "cpu").notes == (POPULATION,)


def test_what_holds_no_network_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no trained network"):
        open_network(tmp_path, "cpu")
    run = write_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"--device cuda:99: cannot be used here|--device nothing"):
        open_network(run, "cuda:99")
    (run / "best" / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"holds no trained network"):
        open_network(run, "cpu")


def test_a_network_of_an_older_vaer_without_its_corpus_is_refused(tmp_path):
    network = tiny_network()
    network.save_pretrained(tmp_path / "best", config={"settings": network.settings | {"format": 1}})
    with pytest.raises(UserError, match=r"an older vaer, which did not note how the clips were prepared"):
        open_network(tmp_path, "cpu")
    assert json.loads((tmp_path / "best" / "config.json").read_text())["settings"]["format"] == 1


def test_a_folder_of_folds_names_one_of_them(tmp_path):
    write_run(tmp_path / "mine" / "fold0")
    with pytest.raises(UserError, match=r"mine: holds a network for each fold; name one of them, such as .*mine/fold0"):
        open_network(tmp_path / "mine", "cpu")
    assert open_network(tmp_path / "mine" / "fold0", "cpu").network.classes
