import re

import pytest
from makers import make_item, shared

from vaer.config import DataConfig
from vaer.data import guard
from vaer.data.guard import find_leaks, names, require_none
from vaer.data.protocols import read_split
from vaer.errors import MediaError, UserError
from vaer.records import Split


@pytest.fixture
def items(tmp_path):
    """Items of speakers 0, 1, ... whose files hold these bytes."""
    def make(*contents):
        made = []
        for number, content in enumerate(contents):
            path = tmp_path / f"{number}.wav"
            path.write_bytes(content)
            made.append(make_item(path, speaker=str(number)))
        return made
    return make


def sides(train, validation, test):
    return Split(train, validation, test, "told")


def test_a_clean_split_has_no_leaks_and_reads_only_files_of_equal_size(items, monkeypatch):
    read = []
    digest = guard._digest.__wrapped__
    monkeypatch.setattr(guard, "_digest", lambda path, *version: read.append(path) or digest(path, *version))
    one, two, three, four = items(b"abc", b"abd", b"a", b"ab")
    assert find_leaks(sides([one, three], [], [two, four])) == []
    assert sorted(read) == [one.path, two.path]


def test_a_speaker_on_two_sides_is_named(items):
    one, two, three = items(b"a", b"ab", b"abc")
    leaks = find_leaks(sides([one], [two], [three._replace(speaker="0")]))
    assert leaks == ["speakers 0 stand in train and in test"]
    assert find_leaks(sides([one], [two], [three._replace(speaker="0")]), speakers=False) == []


@pytest.mark.parametrize(("name", "other", "told"), [
    ("7", "07", "'7' and '07'"), ("Anna", "anna\u00a0", r"'Anna' and 'anna\\xa0'"),
    ("Ma\u00dfe", "MASSE", "and 'MASSE'"), ("M\u00fcller", "Mu\u0308ller", r"'M\\xfcller' and 'Mu\\u0308ller'")])
def test_a_speaker_in_two_spellings_is_named(items, name, other, told):
    one, two, three = items(b"a", b"ab", b"abc")
    split = sides([one._replace(speaker=name)], [two], [three._replace(speaker=other)])
    [leak] = find_leaks(split)
    assert re.search(rf"speakers .*{told}, spellings of one name, stand in train and in test \(write the name", leak)
    assert find_leaks(split, speakers=False) == []


def test_unknown_speakers_are_on_no_side(items):
    one, two = (item._replace(speaker="") for item in items(b"a", b"ab"))
    assert find_leaks(sides([one], [], [two])) == []
    assert names([one, two]) == "unknown"


def test_very_many_speakers_are_counted(items):
    many = [make_item("a", speaker=str(number)) for number in range(5000)]
    assert names(many).endswith("58, 59 and 4940 more")
    [file] = items(b"a")
    everywhere = [one._replace(path=file.path, audio_path=None) for one in many]
    leaks = find_leaks(sides(everywhere, [], everywhere))
    assert leaks[0].endswith("59 and 4940 more stand in train and in test")


def test_a_take_on_two_sides_is_named(items):
    one, two = items(b"a", b"ab")
    assert find_leaks(sides([one], [], [two._replace(take=one.take)])) == ["takes 0 stand in train and in test"]


def test_a_copied_file_is_named_with_both_places(items):
    one, two, three = items(b"same", b"other", b"same")
    [leak] = find_leaks(sides([one], [two], [three]))
    assert leak == f"the same bytes are in {one.path} (train) and {three.path} (test)"
    with pytest.raises(UserError, match=r"0\.wav .train. and .*2\.wav .test.*--data\.lift_guard"):
        require_none([leak])


def test_a_copied_sound_of_two_videos_is_found(items):
    one, two, sound, copy = items(b"a", b"ab", b"sound", b"sound")
    [leak] = find_leaks(sides([one._replace(audio_path=sound.path)], [], [two._replace(audio_path=copy.path)]))
    assert sound.path in leak
    assert copy.path in leak


def test_many_culprits_are_counted(items):
    made = items(*[b"same"] * 8)
    [leak] = find_leaks(sides(made[:4], [], made[4:]))
    assert leak.endswith("and 11 more")  # 16 pairs, 5 named


def test_a_file_that_is_gone_is_an_error(items):
    one, two = items(b"a", b"ab")
    with pytest.raises(MediaError, match=r"gone\.wav: cannot be opened"):
        find_leaks(sides([one], [], [two._replace(path="gone.wav", audio_path=None)]))


def test_names_are_in_the_order_of_numbers(items):
    assert names([make_item("a", speaker=speaker) for speaker in ("10", "9", "1")]) == "1, 9, 10"


def test_the_twin_in_the_published_corpus_is_found():
    """03-01-03-01-02-01-07 and 03-01-03-01-02-02-07 are one recording: published so."""
    config = DataConfig(root=str(shared("ravdess_speech")), protocol="repetition")
    with pytest.raises(UserError, match=r"03-01-03-01-02-01-07\.flac .train. and .*03-01-03-01-02-02-07\.flac"):
        read_split(config)
    for fold in range(5):
        leaks = read_split(DataConfig(root=config.root, protocol="ravdess_dev5", fold=fold))[1].leaks
        assert leaks == ()


def test_large_files_are_read_whole_only_where_they_begin_and_end_alike(items, monkeypatch):
    read = []
    digest = guard._digest.__wrapped__
    monkeypatch.setattr(guard, "_digest", lambda path, *version: read.append(path) or digest(path, *version))
    page = b"-" * guard.END
    whole = b"a" + page * 3
    one, two, three, four, copy = items(whole, b"b" + page * 3, page * 3 + b"a", b"a" + page + b"+" * guard.END + page,
                                        whole)
    [leak] = find_leaks(sides([one, two], [], [three, four, copy]))
    assert leak == f"the same bytes are in {one.path} (train) and {copy.path} (test)"
    assert sorted(read) == [one.path, four.path, copy.path]
