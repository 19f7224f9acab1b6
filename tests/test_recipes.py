"""Recipes by name, from any folder."""

from pathlib import Path

import pytest

from vaer.cli import main
from vaer.recipes import find_recipe, find_recipes, recipe_names

CONFIGS = Path(__file__).parents[1] / "configs"


def test_every_recipe_of_the_clone_is_in_the_package():
    assert recipe_names() == sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    assert Path(find_recipe("demo")).read_text() == (CONFIGS / "demo.yaml").read_text()


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("demo").touch()
    assert find_recipes(["--config", "demo", "--config=moment", "--output", "demo"]) == [
        "--config", "demo", f"--config={find_recipe('moment')}", "--output", "demo"]


def test_a_recipe_is_read_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", "--config", "demo", "--train.lr", "-1"])  # read, then refused
    assert ended.value.code == 2
    assert "--train.lr is -1.0" in capsys.readouterr().err


def test_an_unknown_recipe_is_told_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--config", "demmo"])
    assert "--config demmo: there is no such file; name a YAML file of settings or one of the recipes demo, " \
           "fer2013, moment, " in capsys.readouterr().err
