import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from study_makers import write_study

from vaer.errors import UserError
from vaer.studies.assign import flatten
from vaer.studies.reading import read_study

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((*ROOT.glob("configs/studies/*.yaml"), *ROOT.glob("benchmarks/studies/*.yaml")))


def test_rows_grid_base_and_corpus(tmp_path):
    (tmp_path / "base.yaml").write_text("data: {corpus: csv, protocol: speakers4}\nmodel: {fusion: {layers: 3}}\n")
    path = tmp_path / "study.yaml"
    path.write_text("base: base.yaml\ncorpus: data/mine\nseeds: [0, 2]\nfolds: all\n"
                    "rows:\n  plain:\n  wide: {model: {fusion: {dim: 512}}, seeds: [7]}\n"
                    "grid:\n  model.fusion.kind: [gated, concat]\n  model.modality_dropout: [0, 0.3]\n")
    study = read_study(path)
    assert list(study.rows) == ["whole network", "face alone", "voice alone", "plain", "wide",
                                "kind gated, modality_dropout 0", "kind gated, modality_dropout 0.3",
                                "kind concat, modality_dropout 0", "kind concat, modality_dropout 0.3"]
    wide = study.rows["wide"]
    assert wide.config.data.root == "data/mine"
    assert (wide.config.model.fusion.layers, wide.config.model.fusion.dim) == (3, 512)
    assert (wide.seeds, wide.folds, study.rows["plain"].seeds) == ([7], "all", [0, 2])
    assert not study.rows["face alone"].config.model.audio.enabled
    assert not study.rows["voice alone"].config.model.video.enabled
    assert str(study.output) == "runs/studies/study"
    assert str(read_study(path, "elsewhere").output) == "elsewhere"


def test_rows_of_the_study_may_play_the_parts(tmp_path):
    study = read_study(write_study(tmp_path, "rows:\n  face: {model.audio.enabled: false}\n"
                                             "  joint: {starts: {model.video.pretrained: face}}\n"
                                             "parts: {whole: joint, video: face}\n"))
    assert study.parts == {"whole": "joint", "video": "face", "audio": "voice alone"}
    assert study.rows["voice alone"].starts == {}  # of the joint network's, those of its own branch alone
    assert list(study.rows)[:3] == ["joint", "face", "voice alone"]


def test_a_base_of_one_branch_has_that_one_alone(tmp_path):
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("video: {preset: tiny}", "video: {enabled: false}"))
    assert read_study(path).parts == {"whole": "whole network"}


@pytest.mark.parametrize(("text", "message"), [
    ("row: {}\n", "row is no key here; did you mean rows?"),
    ("rows: {a: {modle.init: x}}\n", "row 'a': modle.init is no setting; did you mean model.init?"),
    ("rows: {a: {train.epochs: many}}\n", "row 'a': train.epochs cannot be 'many'; it must be a whole number."),
    ("rows: {a: {train.epochs: 0}}\n", "row 'a': --train.epochs is 0; it must be at least 1."),
    ("rows: {a: 3}\n", "row 'a': is 3; write its settings as `name: value`."),
    ("rows: {1: {}}\n", "a row is called 1; its name must be text"),
    ("rows: [a]\n", "rows is ['a']; write each row as `name: settings`."),
    ("rows: {a: {seed: 3}}\n", "row 'a': seed is said by the key seeds"),
    ("rows: {a: {data.fold: 1}}\n", "row 'a': data.fold is said by the key folds"),
    ("rows: {a: {output: x}}\n", "row 'a': output is said by the key output"),
    ("rows: {a: {train.refit: true}}\n", "row 'a': train.refit is not for a study"),
    ("rows: {a: {starts: {model.audio: b}}}\n", "row 'a': starts: model.audio is no key here"),
    ("rows: {a: {modalities: [smell]}}\n", "row 'a': modalities is ['smell']"),
    ("rows: {a: {model.audio.enabled: false, modalities: [video]}}\n", "are for a network of both branches"),
    ("rows: {a: {in_table: maybe}}\n", "row 'a': in_table is 'maybe'"),
    ("rows: {whole network: {}}\n", "a row of that name is always there"),
    ("rows: {product of the two alone: {}}\n", "there is another one of that name"),
    ("rows: {kind mean: {}}\ngrid: {model.fusion.kind: [mean]}\n", "there is another one of that name"),
    ("rows: {a: {}, a: {}}\n", "'a' is named twice"),
    ("grid: {model.fusion.kind: mean}\n", "grid wants a list of values"),
    ("grid: {model.fusion.kind: [sum]}\n", "row 'kind sum': model.fusion.kind cannot be 'sum'"),
    ("seeds: [0, 0]\n", "with a number twice"),
    ("seeds: []\n", "seeds is []; it must be a list of whole numbers"),
    ("seeds: [-1]\n", "seeds is [-1]"),
    ("folds: some\n", "such as [0, 1, 2], or all"),
    ("parts: {whole: b}\n", "whole is 'b', and no row is called so"),
    ("corpus: 3\n", "corpus is 3"),
    ("output: 3\n", "output is 3")])
def test_what_a_study_cannot_say_ends_in_one_sentence_with_the_row(tmp_path, text, message):
    path = write_study(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_study(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is empty"), (b"a: [", "is no YAML"), (b"- a\n", "holds no settings by name"), (b"\xff\xfe", "study.yaml"),
    (b"<!doctype html><html>", "is a web page"), (b"base: nowhere.yaml\n", "nowhere.yaml: cannot be read"),
    (b"base: 3\n", "base is 3")])
def test_files_that_are_no_study(tmp_path, content, message):
    (tmp_path / "study.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_study(tmp_path / "study.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_keep_their_spelling(tmp_path):
    path = write_study(tmp_path, "rows: {a: {data.label_map: {01: no, 02: null}}}\n")
    assert read_study(path).rows["a"].config.data.label_map == {"01": "no", "02": None}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_study_that_is_shipped_is_understood(path):
    study = read_study(path)
    assert "whole" in study.parts
    assert all(source in study.rows for row in study.rows.values() for source in row.starts.values())


def test_the_demo_study_has_every_switch_of_the_demo_page():
    page = (ROOT / "docs/demo.md").read_text(encoding="utf-8")
    study = read_study(ROOT / "configs/studies/demo.yaml")
    rows = [flatten(dataclasses.asdict(row.config)) for row in study.rows.values()]
    for flag, value in re.findall(r"^\| `--([a-z_.]+) ([\w.]+)` \|", page, flags=re.MULTILINE):
        assert yaml.safe_load(value) in [settings[flag] for settings in rows], f"no row has --{flag} {value}"
