import pytest
from makers import make_item

from vaer.data.protocols import check_split, published, split
from vaer.errors import UserError

SPEAKERS = {"ravdess_dev5": range(1, 21), "ravdess_contig6": range(1, 25), "demo24": range(1, 25)}


def corpus(speakers):
    return [make_item(f"{speaker}-{number}.mp4", speaker=str(speaker), attributes={"repetition": str(number)})
            for speaker in speakers for number in (1, 2)]


@pytest.mark.parametrize("name", sorted(published()))
def test_published_protocols_are_partitions_that_test_each_speaker_once(name):
    protocol = published()[name]
    tested = []
    for fold in protocol["folds"]:
        sides = [set(fold[side]) for side in ("train", "val", "test")]
        assert all(sides)
        assert len(set.union(*sides)) == sum(map(len, sides))
        assert set.union(*sides) == set(SPEAKERS[name])
        tested += fold["test"]
    assert protocol["claims_each_actor_once_in_test"]
    assert sorted(tested) == list(SPEAKERS[name])


def test_split_follows_the_file():
    parts = split(corpus(range(1, 21)), "ravdess_dev5", fold=0)
    assert {item.speaker for item in parts.test} == {"1", "2", "3", "4"}
    assert {item.speaker for item in parts.validation} == {"5", "6"}
    assert len(parts.train) == 28
    assert parts.verdict.startswith("no speaker on two sides")
    assert "test speakers 1, 2, 3, 4 (8 clips)" in parts.verdict


def test_repetition_says_that_it_shares_speakers():
    parts = split(corpus([1]), "repetition", fold=0)
    assert [item.attributes["repetition"] for item in parts.train + parts.test] == ["1", "2"]
    assert parts.validation == []
    assert "speaker-dependent" in parts.verdict


def test_all_train_tests_nobody():
    parts = split(corpus([1, 2]), "all_train", fold=0)
    assert (len(parts.train), parts.validation, parts.test) == (4, [], [])


def test_a_shared_speaker_is_refused_by_name():
    with pytest.raises(UserError, match="Speakers 7 stand in train and in test"):
        check_split(corpus([1, 7]), corpus([2]), corpus([7]))


@pytest.mark.parametrize(("protocol", "fold", "message"), [
    ("nonsense", 0, "--data.protocol 'nonsense' is unknown; choose from all_train, demo24"),
    ("ravdess_dev5", 5, "it has 5 folds"),
    ("ravdess_dev5", 0, "holds speakers 1 only"),
])
def test_what_cannot_be_split_is_said(protocol, fold, message):
    with pytest.raises(UserError, match=message):
        split(corpus([1]), protocol, fold)


def test_repetition_without_second_takes_is_refused():
    with pytest.raises(UserError, match="hold 1 and 0"):
        split(corpus([1])[:1], "repetition", 0)
