import logging
from pathlib import Path

import pytest
from makers import make_item

from vaer.config import DataConfig
from vaer.data.protocols import num_folds, published, read_split, split
from vaer.errors import UserError

SPEAKERS = {name: range(1, 25) for name in published()} | {"ravdess_dev5": range(1, 21), "moment56": range(1, 57)}


def corpus(speakers):
    return [make_item(f"{speaker}-{number}.mp4", speaker=str(speaker), attributes={"repetition": str(number)})
            for speaker in speakers for number in (1, 2)]


def ravdess(root, actors, *, emotions=("01", "03"), channel="01"):
    """Small files of different bytes with the names of all takes of some emotions."""
    for actor in actors:
        for emotion in emotions:
            for intensity in ("01",) if emotion == "01" else ("01", "02"):
                for number in range(4):
                    name = f"03-{channel}-{emotion}-{intensity}-0{number // 2 + 1}-0{number % 2 + 1}-{actor:02d}"
                    (root / f"{name}.wav").write_bytes(name.encode())
    return root


def write_csv(path, *rows, head="id,side"):
    path.write_text("\n".join([head, *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize("name", sorted(published()))
def test_published_protocols_are_partitions_that_test_each_speaker_once_where_they_claim_to(name):
    protocol = published()[name]
    tested = []
    for fold in protocol["folds"]:
        sides = [set(fold[side]) for side in ("train", "val", "test")]
        assert all(sides)
        assert len(set.union(*sides)) == sum(map(len, sides))
        assert set.union(*sides) == set(SPEAKERS[name])
        tested += fold["test"]
    assert len(tested) == len(set(tested))
    assert (sorted(tested) == list(SPEAKERS[name])) == protocol["claims_each_actor_once_in_test"]


def test_the_protocols_are_those_of_the_table_of_sources():
    """Folds by hand from the sources themselves."""
    assert published()["ravdess_luna5"]["folds"][3]["test"] == [8, 17, 21, 23, 24]
    assert published()["ravdess_emobox"]["folds"][5]["test"] == [6, 13, 17, 22]
    assert published()["ravdess_kateryna"]["folds"][0]["test"] == [5, 10, 16, 19]
    assert published()["ravdess_pepino7"]["labels"] == "calm_as_neutral"
    assert published()["ravdess_gianscuri7"]["labels"] == "drop_neutral"
    assert num_folds("ravdess_loso24") == 24
    assert num_folds("repetition") == 1


def test_split_follows_the_file():
    parts = split(corpus(range(1, 21)), "ravdess_dev5", fold=0)
    assert {item.speaker for item in parts.test} == {"1", "2", "3", "4"}
    assert {item.speaker for item in parts.validation} == {"5", "6"}
    assert len(parts.train) == 28
    assert "test speakers 1, 2, 3, 4 (8 clips)" in parts.verdict


def test_repetition_says_that_it_shares_speakers():
    parts = split(corpus([1]), "repetition", fold=0)
    assert [item.attributes["repetition"] for item in parts.train + parts.test] == ["1", "2"]
    assert parts.validation == []
    assert "speaker-dependent" in parts.verdict


def test_all_train_tests_nobody():
    parts = split(corpus([1, 2]), "all_train", fold=0)
    assert (len(parts.train), parts.validation, parts.test) == (4, [], [])


def test_speakers_are_dealt_out_to_as_many_folds_as_asked_for():
    """Of speakers 1 to 10 in three groups: 1 4 7 10, 2 5 8, 3 6 9; numbers in their order, not 1, 10, 2."""
    items = corpus(range(1, 11))
    folds = [split(items, "speakers3", fold) for fold in range(num_folds("speakers3"))]
    assert [[item.speaker for item in parts.test[::2]] for parts in folds] == [
        ["1", "4", "7", "10"], ["2", "5", "8"], ["3", "6", "9"]]
    assert [parts.validation for parts in folds] == [folds[1].test, folds[2].test, folds[0].test]
    assert all(len(parts.train + parts.validation + parts.test) == len(items) for parts in folds)
    assert folds[2].verdict == ("train speakers 2, 5, 8 (6 clips); validation speakers 1, 4, 7, 10 (8 clips); "
                                "test speakers 3, 6, 9 (6 clips)")


@pytest.mark.parametrize("protocol", ["speakers2", "speakers5"])
def test_too_few_groups_or_speakers_are_refused(protocol):
    with pytest.raises(UserError, match=rf"{protocol} wants . groups of speakers, at least 3 .* holds 4 speakers"):
        split(corpus(range(4)), protocol, 0)


@pytest.mark.parametrize(("protocol", "fold", "message"), [
    ("speakers3", 3, "--data.fold 3 is not one of speakers3: it has 3 folds"),
    ("nonsense", 0, "--data.protocol 'nonsense' is unknown; choose from all_train, demo24"),
    ("ravdess_dev5", 5, "it has 5 folds"),
    ("ravdess_dev5", 0, "holds speakers 1 only"),
    ("repetition", 1, "it has 1 fold"),
])
def test_what_cannot_be_split_is_said(protocol, fold, message):
    with pytest.raises(UserError, match=message):
        split(corpus([1]), protocol, fold)


def test_repetition_without_second_takes_is_refused():
    with pytest.raises(UserError, match="hold 1 and 0"):
        split(corpus([1])[:1], "repetition", 0)


def test_what_the_corpus_lacks_is_refused_unless_allowed(tmp_path):
    ravdess(tmp_path, range(1, 19), emotions=("01", "03"))
    (tmp_path / "03-01-03-02-02-02-07.wav").unlink()
    config = DataConfig(root=str(tmp_path), protocol="ravdess_dev5")
    lacks = r"lacks actors 19, 20 and takes 01-02-.* and \d+ more"
    with pytest.raises(UserError, match=lacks + r".*--data\.allow_missing true"):
        read_split(config)
    classes, parts = read_split(DataConfig(root=str(tmp_path), protocol="ravdess_dev5", allow_missing=True))
    assert len(classes) == 8
    assert "the corpus lacks actors 19, 20 and" in parts.verdict
    assert parts.verdict.startswith("no speaker, take or file on two sides: train speakers 7, 8")
    assert len(parts.test) == 4 * 12


def test_a_split_of_ones_own_reports_what_is_missing_and_goes_on(tmp_path, caplog):
    ravdess(tmp_path, [1])
    with caplog.at_level(logging.WARNING):
        parts = read_split(DataConfig(root=str(tmp_path), protocol="repetition"))[1]
    assert "lacks, of the published corpus, actors 2, 3" in caplog.text
    assert len(parts.train) == len(parts.test) == 6


def test_another_label_set_than_the_protocols_is_said(tmp_path):
    ravdess(tmp_path, range(1, 21), emotions=("03", "04"))
    config = DataConfig(root=str(tmp_path), protocol="ravdess_dev5", labels="drop_neutral", allow_missing=True)
    classes, parts = read_split(config)
    assert len(classes) == 7
    assert "labels drop_neutral, where the protocol has emotions8" in parts.verdict


def test_song_under_a_protocol_of_speech_is_said(tmp_path):
    ravdess(tmp_path, range(1, 21))
    config = DataConfig(root=str(tmp_path), protocol="ravdess_dev5", channel="both", allow_missing=True)
    assert "channel both, where the protocol has speech" in read_split(config)[1].verdict


def test_the_protocol_of_another_corpus_is_refused(tmp_path):
    ravdess(tmp_path, range(1, 25))
    with pytest.raises(UserError, match=r"demo24 is for --data\.corpus demo, not ravdess; choose one of ravdess_dev5"):
        read_split(DataConfig(root=str(tmp_path), protocol="demo24"))


def test_validation_clips_may_train(tmp_path):
    ravdess(tmp_path, range(1, 21))
    parts = read_split(DataConfig(root=str(tmp_path), protocol="ravdess_dev5", allow_missing=True,
                                  validation="train"))[1]
    assert parts.validation == []
    assert {item.speaker for item in parts.train} == {str(actor) for actor in range(5, 21)}
    assert "validation clips train too" in parts.verdict


def test_a_file_of_sides_is_followed(tmp_path):
    ravdess(tmp_path, [1, 2, 3], emotions=("03",))
    path = write_csv(tmp_path / "my split.csv", "03-01-03-01-01-01-01,train", "03-01-03-01-01-02-01.wav,train",
                     "Actor_02/01-01-03-01-01-01-02.mp4,validation", "03-01-03-01-01-01-03,test")
    parts = read_split(DataConfig(root=str(tmp_path), protocol=path))[1]
    assert [item.speaker for item in parts.train + parts.validation + parts.test] == ["1", "1", "2", "3"]
    assert "20 clips left out" in parts.verdict
    folds = write_csv(tmp_path / "folds.csv", "03-01-03-01-01-01-01,train,0", "03-01-03-01-01-01-02,train,1",
                      "03-01-03-01-01-01-01,test,1", head="id,side,fold")
    assert num_folds(folds) == 2
    parts = read_split(DataConfig(root=str(tmp_path), protocol=folds, fold=1))[1]
    assert ([item.speaker for item in parts.train], [item.speaker for item in parts.test]) == (["2"], ["1"])


def test_a_file_of_sides_of_a_spreadsheet_is_followed(tmp_path):
    ravdess(tmp_path, [1, 2], emotions=("03",))
    path = tmp_path / "sides.csv"
    path.write_bytes("sep=;\r\nID;Side;\r\nActor_01\\03-01-03-01-01-01-01.wav;train;\r\n"
                     "03-01-03-01-01-01-02;test;\r\n;;\r\n".encode("utf-16"))
    parts = read_split(DataConfig(root=str(tmp_path), protocol=str(path)))[1]
    assert [[item.speaker for item in side] for side in parts[:3]] == [["1"], [], ["2"]]


def test_rows_that_an_open_quote_swallowed_are_not_lost(tmp_path):
    ravdess(tmp_path, [1, 2], emotions=("03",))
    path = write_csv(tmp_path / "sides.csv", '03-01-03-01-01-01-01,train,"Oh', "03-01-03-01-01-02-01,train,",
                     '03-01-03-01-01-01-02,test,no"', head="id,side,note")
    with pytest.raises(UserError, match=r"sides\.csv: lines 2 to 4 are read as one row"):
        read_split(DataConfig(root=str(tmp_path), protocol=path))


@pytest.mark.parametrize(("rows", "culprit"), [
    (["03-01-03-01-01-01-01,train", "03-01-03-01-01-02-01,test"], "speakers 1 stand in train and in test"),
    (["03-01-03-01-01-01-01,train", "01-01-03-01-01-01-01,validation"],
     "takes 01-03-01-01-01-01 stand in train and in validation"),
])
def test_a_leaking_file_of_sides_is_refused_with_the_culprits(tmp_path, rows, culprit):
    ravdess(tmp_path, [1, 2], emotions=("03",))
    path = write_csv(tmp_path / "leak.csv", *rows)
    with pytest.raises(UserError, match=f"The split leaks: .*{culprit}.*--data.lift_guard true"):
        read_split(DataConfig(root=str(tmp_path), protocol=path))
    parts = read_split(DataConfig(root=str(tmp_path), protocol=path, lift_guard=True))[1]
    assert parts.verdict.startswith("GUARD LIFTED, ")
    assert any(culprit in leak for leak in parts.leaks)


@pytest.mark.parametrize(("head", "row", "message"), [
    ("id,side", "03-01-03-01-01-01-09,train", "holds no clip 03-01-03-01-01-01-09 .* but clips such as 03-01-03-"),
    ("id,side", "03-01-03-01-01-01-01,val", "line 2 gives clip '03-01-03-01-01-01-01' the side 'val'"),
    ("name,side", "03-01-03-01-01-01-01,train", "lacks the column id"),
    ("id,side", "03-01-03-01-01-01-01,test", "no row of fold 0 has the side train"),
    ("id,side,fold", "03-01-03-01-01-01-01,train,1", r"its folds are named 1; number them from 0 on"),
    ("id,side,fold", "03-01-03-01-01-01-01,train", "line 2 gives clip '03-01-03-01-01-01-01' no fold"),
    ("id,side,fold", "03-01-03-01-01-01-01, train , ", "line 2 gives clip '03-01-03-01-01-01-01' no fold"),
])
def test_a_file_of_sides_that_is_wrong_says_where(tmp_path, head, row, message):
    ravdess(tmp_path, [1], emotions=("03",))
    path = write_csv(tmp_path / "wrong.csv", row, head=head)
    with pytest.raises(UserError, match=message) as caught:
        read_split(DataConfig(root=str(tmp_path), protocol=path))
    assert "wrong.csv" in str(caught.value)


def test_a_missing_or_empty_file_of_sides_is_said(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: cannot be read"):
        num_folds(str(Path(tmp_path) / "nowhere.csv"))
    with pytest.raises(UserError, match="holds no rows"):
        num_folds(write_csv(tmp_path / "empty.csv"))
