"""Names of labels are text as it was written, wherever a map of them stands."""

import json

import pytest
from jsonargparse import ArgumentParser

from vaer.cli import _fill_evaluate
from vaer.config import Config, DataConfig, add_settings, config_of, read_config, write_config
from vaer.errors import UserError
from vaer.label_map import load

ODD = {"1": "01", "01": "1.0", "1.0": "no", "yes": "off", "on": "true", "2020-01-01": "12:30", "1e3": "1_000",
       "0x10": "0o7", "null": "~x", "~": ".inf", "a b": "x: y", "-": "=", "!": "#5", "Null": "NULL?"}
"""What YAML takes for numbers, switches, dates and nothing."""


def train(*arguments):
    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser)
    return config_of(parser, parser.parse_args(["--data.corpus", "csv", *arguments])).data.label_map


def evaluate(text):
    parser = ArgumentParser(exit_on_error=False)
    _fill_evaluate(parser)
    return parser.parse_args(["runs/a", "--label_map", text]).label_map


@pytest.mark.parametrize("read", [lambda text: train("--data.label_map", text), evaluate], ids=["train", "evaluate"])
@pytest.mark.parametrize(("text", "label_map"), [
    ("{happy: 1, sad: 2, angry: 2}", {"happy": "1", "sad": "2", "angry": "2"}),
    ('{"happy": 1, "sad": null}', {"happy": "1", "sad": None}),
    ("{1: a, 01: b, yes: c, true: d, 1.0: e}", {"1": "a", "01": "b", "yes": "c", "true": "d", "1.0": "e"}),
    ("{a: 01, b: 1e3, c: 1_000, d: 0x10, e: 12:30, f: no, g: 1.0, h: 2020-01-01}",
     {"a": "01", "b": "1e3", "c": "1_000", "d": "0x10", "e": "12:30", "f": "no", "g": "1.0", "h": "2020-01-01"}),
    ("{a: null, b: ~, c: , d: Null, e: 'null', f: \"~\", g: none, h: 'None', null: i, ~: j}",
     {"a": None, "b": None, "c": None, "d": None, "e": "null", "f": "~", "g": "none", "h": "None", "null": "i",
      "~": "j"}),
    ("sad: 0\nhappy: off", {"sad": "0", "happy": "off"}),
    ("{}", {}),
    (json.dumps(ODD), ODD),
])
def test_names_in_a_flag_are_text(read, text, label_map):
    assert read(text) == label_map


def test_labels_may_be_named_one_by_one():
    flags = ("--data.label_map.happy=1", "--data.label_map.01", "no", "--data.label_map.sad=null")
    assert train(*flags) == {"happy": "1", "01": "no", "sad": None}
    assert train("--data.label_map", "{a: 1, sad: 2}", *flags) == {"a": "1", "happy": "1", "01": "no", "sad": None}


@pytest.mark.parametrize("head", ["data:\n  corpus: csv\n  label_map:\n", "data.corpus: csv\ndata.label_map:\n"])
def test_names_in_a_file_are_text(tmp_path, head):
    path = tmp_path / "own.yaml"
    path.write_text(head + "    01: 1\n    no: yes\n    1e3: 007\n    null: 2020-01-01\n    x: null\n    y: 'null'\n"
                           "    z:\n")
    label_map = {"01": "1", "no": "yes", "1e3": "007", "null": "2020-01-01", "x": None, "y": "null", "z": None}
    assert train("--config", str(path)) == label_map
    assert read_config(path).data.label_map == label_map


@pytest.mark.parametrize("content", [
    '{"data": {"corpus": "csv", "label_map": {"01": 1, "no": null}}}',
    "data: {corpus: csv, label_map: '{01: 1, no: null}'}",
    "data: {corpus: csv, label_map: {<<: {01: 1}, no: }}"])
def test_json_text_and_merged_maps_in_a_file_are_read_alike(tmp_path, content):
    (tmp_path / "own.yaml").write_text(content)
    assert train("--config", str(tmp_path / "own.yaml")) == {"01": "1", "no": None}


def test_what_a_run_wrote_comes_back(tmp_path):
    names = ODD | {"out": None, "A": "null", "B": "none", "C": "None", "D": "~", "E": " ", "F": "\u00e9"}
    config = Config(data=DataConfig(corpus="csv", label_map=names))
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config


def test_what_print_config_shows_is_read_alike(tmp_path):
    names = ODD | {"out": None, "A": "null", "B": "None"}
    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser)
    parsed = parser.parse_args(["--data.corpus", "csv", "--data.label_map", json.dumps(names)])
    (tmp_path / "shown.yaml").write_text(parser.dump(parsed))
    assert read_config(tmp_path / "shown.yaml").data.label_map == names


def test_other_settings_are_read_as_before():
    assert load("train: {lr: 1e-3, epochs: 3}\ndata: {trim_db: null, fold: all}", path="x.yaml") == {
        "train": {"lr": 1e-3, "epochs": 3}, "data": {"trim_db": None, "fold": "all"}}
    assert load("[1, 2]") == [1, 2]
    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser)
    flags = ["--model.video.blocks", "[1, 2, 3, 4]", "--model.audio.kind", "transformers", "--model.audio.architecture",
             "{dim: 8, sizes: [1, 2], scale: 0.5, on: true, deep: {depth: 2}}", "--data", "{fold: 1, trim_db: null}"]
    config = config_of(parser, parser.parse_args(flags))
    assert config.model.video.blocks == [1, 2, 3, 4]
    assert config.model.audio.architecture == {"dim": 8, "sizes": [1, 2], "scale": 0.5, "on": True,
                                               "deep": {"depth": 2}}
    assert (config.data.fold, config.data.trim_db) == (1, None)


@pytest.mark.parametrize("text", ["{a: b, a: c}", '{"a": 1, "a": 1}', "{01: b, '01': c}"])
def test_a_name_given_twice_is_refused(text):
    with pytest.raises(Exception, match=r"but in .* is named twice; leave one of them"):
        evaluate(text)


@pytest.mark.parametrize("content", ["train: {lr: 1}\ntrain: {epochs: 3}\n", "train:\n  lr: 1\n  lr: 2\n",
                                     "data:\n  label_map:\n    no: a\n    'no': b\n"])
def test_a_setting_given_twice_in_a_file_is_refused(tmp_path, content):
    (tmp_path / "twice.yaml").write_text(content)
    with pytest.raises(UserError, match=r"twice\.yaml: cannot be read as settings .*line \d of the settings: '\w+' is "
                                        "named twice"):
        read_config(tmp_path / "twice.yaml")


@pytest.mark.parametrize("text", ["{a: [1]}", "{a: {b: c}}", "nonsense", "3", "{a, b}"])
def test_what_is_no_map_is_refused(text):
    with pytest.raises(Exception, match=r"label_map"):
        evaluate(text)
