import dataclasses

import pytest

from vaer.config import DataConfig
from vaer.data.corpora import CORPORA
from vaer.data.corpora.settings import CorpusSettings, names_of
from vaer.errors import UserError
from vaer.evaluation.options import Options


def test_every_corpus_says_what_it_alone_is_asked():
    known = {"csv": ["label_map"], "demo": [], "folders": ["label_map", "speaker_pattern"],
             "ravdess": ["channel", "labels"]}
    assert {name: names_of(name) for name in known} == known
    assert set(DataConfig().own(None)) == {name for corpus in CORPORA for name in names_of(corpus)}


def test_settings_are_told_by_the_corpus_that_takes_them():
    settings = DataConfig(labels="drop_calm")
    assert settings.own("ravdess") == {"channel": "speech", "labels": "drop_calm"}
    assert settings.own("demo") == {}
    assert set(settings.own(None)) == {field.name for field in dataclasses.fields(CorpusSettings)}


@pytest.mark.parametrize(("corpus", "changes", "message"), [
    ("demo", {"channel": "both"}, r"^--data\.channel is for --data\.corpus ravdess, not demo; leave it out\.$"),
    ("csv", {"labels": "drop_calm"}, r"^--data\.labels is for --data\.corpus ravdess, not csv"),
    ("ravdess", {"label_map": {"a": None}}, r"^--data\.label_map is for --data\.corpus csv and folders, not ravdess"),
    ("csv", {"speaker_pattern": "(S)"}, r"^--data\.speaker_pattern is for --data\.corpus folders, not csv"),
    ("imagenet", {}, r"^--data\.corpus 'imagenet' is unknown; choose from .*csv, demo"),
])
def test_what_another_corpus_takes_is_refused(corpus, changes, message):
    with pytest.raises(UserError, match=message):
        DataConfig(corpus=corpus, **changes)


@pytest.mark.parametrize(("options", "message"), [
    ({"channel": "both"}, r"^--channel is for --corpus ravdess; leave it out\.$"),
    ({"channel": "both", "corpus": "demo", "root": "x"}, r"^--channel is for --corpus ravdess, not demo"),
    ({"speaker_pattern": "S", "corpus": "folders", "root": "x"}, r"^--speaker_pattern S is no regular expression"),
    ({"label_map": {"a": ""}, "corpus": "csv", "root": "x"}, r"^--label_map gives a label the empty name"),
    ({"corpus": "imagenet", "root": "x"}, r"^--corpus 'imagenet' is unknown; choose from .*csv, demo"),
])
def test_an_evaluation_names_its_own_flags(options, message):
    with pytest.raises(UserError, match=message):
        Options(**options)
