"""What holds for every corpus; its own test has `write_corpus`: three speakers, two labels, six clips."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest
from loading import load_module

import vaer.data.corpora
from vaer.config import DataConfig
from vaer.data.corpora import CORPORA, name_of, read_corpus
from vaer.data.corpora.kind import CorpusKind, OwnSettings
from vaer.data.corpora.relabel import NO_CLASSES
from vaer.data.corpora.settings import CorpusSettings
from vaer.data.dataset import EvaluationClips, Modalities, TrainingClips
from vaer.data.protocols import read_split
from vaer.records import UNKNOWN_SPEAKER

HERE, MODULES = Path(__file__).parent, Path(vaer.data.corpora.__file__).parent
CONTRACT = ("labels", "scan", "lacking", "take_of")


def maker_of(name):
    """`write_corpus(root)` of the test beside this one: it writes a corpus and says with which settings it is read."""
    path = HERE / f"test_{CORPORA[name].__name__.rpartition('.')[2]}.py"
    module = load_module(path)
    assert hasattr(module, "write_corpus"), f"{path}: has no write_corpus(root), from which the contract is tested"
    return module.write_corpus


@pytest.fixture(scope="module", params=sorted(CORPORA))
def config(request, tmp_path_factory):
    """The settings of a small corpus of every kind."""
    root = tmp_path_factory.mktemp("corpora") / f"my {request.param}"
    settings = maker_of(request.param)(root)
    return DataConfig(**{"corpus": request.param, "root": str(root), "protocol": "speakers3", "num_frames": 4,
                         "size": 32, "num_workers": 0} | settings)


def test_a_corpus_that_is_written_is_in_the_table():
    written = {path.stem for path in MODULES.glob("*.py") if "\ndef scan(" in path.read_text(encoding="utf-8")}
    assert {kind.__name__.rpartition(".")[2] for kind in CORPORA.values()} == written


def test_a_module_has_every_part_of_the_contract(config):
    kind = CORPORA[config.corpus]
    for part in CONTRACT:
        wanted = [name for name in inspect.signature(getattr(CorpusKind, part)).parameters if name != "self"]
        assert list(inspect.signature(getattr(kind, part)).parameters) == wanted, part
    assert issubclass(kind.Settings, OwnSettings)
    assert issubclass(CorpusSettings, kind.Settings), f"{kind.Settings} is no base of CorpusSettings"
    assert kind.Settings() == kind.Settings(**{field.name: getattr(DataConfig(corpus=config.corpus), field.name)
                                               for field in dataclasses.fields(kind.Settings)})


def test_labels_and_clips_are_those_that_were_written(config):
    kind, root = CORPORA[config.corpus], Path(config.root)
    classes = kind.labels(root, config)
    assert len(set(classes)) == len(classes) >= 2
    assert not set(classes) & set(NO_CLASSES)
    items = kind.scan(root, config)
    assert (len(items), len({item.label for item in items}), len({item.speaker for item in items})) == (6, 2, 3)
    assert (kind.labels(root, config), kind.scan(root, config)) == (classes, items)  # again, and in the same order
    assert len({item.id for item in items}) == 6
    for item in items:
        assert item.label in classes
        assert item.speaker not in (UNKNOWN_SPEAKER, None)
        assert Path(item.path).is_file()
        assert item.audio_path is None or Path(item.audio_path).is_file()
        assert {type(part) for part in (item.id, item.take, *item.attributes, *item.attributes.values())} == {str}
        assert kind.take_of(Path(item.path).stem) in (None, item.take)
    assert kind.take_of("no such name") is None


def test_what_is_lacking_is_said_as_text(config):
    kind = CORPORA[config.corpus]
    items = kind.scan(Path(config.root), config)
    whole = [kind.lacking(items, config, speakers) for speakers in (None, {item.speaker for item in items}, set())]
    assert {type(said) for said in whole} == {str}
    assert whole[2] == ""  # of nobody nothing is lacking


def test_a_corpus_has_a_name_for_files_and_its_clips_are_read_in_one_split(config):
    assert name_of(config.corpus, config.root) in (config.corpus, f"my {config.corpus}")
    corpus = read_corpus(config)
    classes, split = read_split(config)
    assert classes == corpus.classes
    sides = [split.train, split.validation, split.test]
    assert sorted(item.id for side in sides for item in side) == sorted(item.id for item in corpus.items)
    assert [len({item.speaker for item in side}) for side in sides] == [1, 1, 1]
    assert "no speaker, take or file on two sides" in split.verdict


def test_rows_of_a_file_of_sides_find_clips_by_id_and_by_file(config, tmp_path):
    items = read_corpus(config).items
    rows = [f"{item.id},train" for item in items[:3]] + [
        f"{item.id}{Path(item.path).suffix},test" for item in items[3:]]
    (tmp_path / "sides.csv").write_text("\n".join(["id,side", *rows]))
    split = read_split(dataclasses.replace(config, protocol=str(tmp_path / "sides.csv"), lift_guard=True))[1]
    assert [item.id for item in split.train] == [item.id for item in items[:3]]
    assert [item.id for item in split.test] == [item.id for item in items[3:]]


def test_a_clip_is_decoded_with_its_label(config):
    corpus = read_corpus(config)
    for clips, key in ((TrainingClips(corpus.items, corpus.classes, config=config, wanted=Modalities(), seed=0),
                        (0, 5)),
                       (EvaluationClips(corpus.items, corpus.classes, config=config, wanted=Modalities()), (0, 5))):
        clip = clips[key]
        assert corpus.classes[clip.label] == corpus.items[5].label
        assert clip.index == 5
        assert clip.frames is not None or clip.waveform is not None
        if clip.frames is not None:
            assert clip.frames.shape == (4, 32, 32, 3)
        if clip.waveform is not None:
            assert np.abs(clip.waveform).max() > 0.05
