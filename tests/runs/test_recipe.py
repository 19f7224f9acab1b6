import dataclasses
import json

import numpy as np
import pytest
from makers import make_recipe, replace, tiny_config, tiny_network

from vaer.errors import UserError
from vaer.runs.folder import BestFolder
from vaer.runs.recipe import DETECTOR, DRAWN, preparation_of, read_recipe, recipe_of


def write_best(path, recipe, **changes):
    network = tiny_network()
    network.save_pretrained(path, config={"settings": network.settings | recipe.plain() | changes})
    return BestFolder(path)


def test_what_is_written_is_read_again(tmp_path):
    recipe = make_recipe(preparation={"margin": 0.25, "detector": DETECTOR}, temperature=None, notice="a licence")
    best = write_best(tmp_path, recipe)
    assert read_recipe(best) == recipe
    content = json.loads(best.config_path.read_text())
    del content["settings"]["notice"]  # written before there were any
    best.config_path.write_text(json.dumps(content))
    assert read_recipe(best) == dataclasses.replace(recipe, notice="")


def test_windows_are_as_long_as_those_of_training():
    whole = make_recipe()  # whole clips, of which the median had 2.0 s
    assert whole.window_s == 2.0
    assert dataclasses.replace(whole, clip=dataclasses.replace(whole.clip, window_s=1.5)).window_s == 1.5


def test_the_corpus_says_how_it_was_prepared(tmp_path):
    config = replace(tiny_config(), "data", corpus="demo", root=str(tmp_path))
    plain = recipe_of(config, np.array([1.0, 3.0, 2.0]), np.array([4.0]))
    assert (plain.preparation, plain.remark, plain.corpus) == (None, DRAWN, "demo")
    assert tuple(plain.lengths) == (2.0, 3.0, 4.0, 3)
    (tmp_path / "prepare.json").write_text(json.dumps({"margin": 0.25, "fps": None}))
    assert recipe_of(config, np.ones(1), np.ones(1)).preparation == {"margin": 0.25, "fps": None, "detector": DETECTOR}
    (tmp_path / "table.csv").touch()  # a table that is named itself has its folder's preparation
    table = dataclasses.replace(config.data, corpus="csv", root=str(tmp_path / "table.csv"))
    assert preparation_of(table)["margin"] == 0.25
    assert recipe_of(dataclasses.replace(config, data=table), np.ones(1), np.ones(1)).remark == ""
    (tmp_path / "prepare.json").write_text("[1]")
    with pytest.raises(UserError, match=r"prepare.json: cannot be read as the settings of a preparation"):
        preparation_of(config.data)


def test_faces_that_were_cut_out_elsewhere(tmp_path):
    data = dataclasses.replace(tiny_config().data, root=str(tmp_path), size=48, face_margin=0.1)
    assert preparation_of(data) == {"margin": 0.1, "size": 48, "fps": None, "detector": DETECTOR}
    (tmp_path / "prepare.json").write_text("{}")
    with pytest.raises(UserError, match=r"--data.face_margin is for faces .*prepare.json says how these were"):
        preparation_of(data)


def test_recipes_that_cannot_be_followed_are_refused(tmp_path):
    old = write_best(tmp_path / "old", make_recipe(), format=1)
    with pytest.raises(UserError, match=r"an older vaer, which did not note how the clips were prepared"):
        read_recipe(old)
    clip = dataclasses.asdict(make_recipe().clip) | {"sample_rate": 48_000}
    with pytest.raises(UserError, match=r"wants audio at 48000 Hz, and this vaer gives 16000"):
        read_recipe(write_best(tmp_path / "fast", make_recipe(), clip=clip))
    best = write_best(tmp_path / "short", make_recipe())
    content = json.loads(best.config_path.read_text())
    del content["settings"]["lengths"]
    best.config_path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"lacks a part of its recipe \('lengths'\)"):
        read_recipe(best)
