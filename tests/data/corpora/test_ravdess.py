import time
from collections import Counter

import pytest
from makers import shared, write_clips

from vaer.config import DataConfig
from vaer.data.corpora import ravdess
from vaer.errors import UserError

CONFIG = DataConfig()


def write_corpus(root):
    """Three actors, happy and angry; the last one as a video and its sibling of audio."""
    names = [f"Actor_{actor:02d}/01-01-{emotion}-01-01-01-{actor:02d}.mp4" for actor in (1, 2, 3)
             for emotion in ("03", "05")]
    write_clips(root, [*names[:5], names[5].replace("01-01", "02-01", 1), "03-01-05-01-01-01-03.wav"])
    return {}


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_whole_name_is_read(tmp_path):
    touch(tmp_path, "Actor_12/01-01-06-02-01-02-12.mp4")
    [item] = ravdess.scan(tmp_path, CONFIG)
    assert item.id == "01-01-06-02-01-02-12"
    assert (item.label, item.speaker, item.take) == ("fearful", "12", "01-06-02-01-02-12")
    assert item.audio_path == item.path
    assert item.attributes == {"channel": "01", "intensity": "strong", "repetition": "2", "sex": "female",
                               "statement": "Kids are talking by the door"}
    assert item.duration_s is None


def test_one_clip_a_take_and_its_sound_from_where_there_is_some(tmp_path):
    touch(tmp_path, "v/01-01-01-01-01-01-01.mp4", "v/02-01-01-01-01-01-01.mp4", "a/03-01-01-01-01-01-01.wav",
          "v/02-01-02-01-01-01-01.mp4", "a/03-01-02-01-01-01-01.flac",
          "v/02-01-03-01-01-01-01.mp4",
          "a/03-01-04-01-01-01-01.wav")
    items = {item.take[3:5]: item for item in ravdess.scan(tmp_path, CONFIG)}
    assert len(items) == 4
    assert items["01"].id.startswith("01-")
    assert items["01"].audio_path == items["01"].path
    assert items["02"].path.endswith("02-01-02-01-01-01-01.mp4")
    assert items["02"].audio_path.endswith("03-01-02-01-01-01-01.flac")
    assert items["03"].audio_path is None  # its own track is silent by design
    assert items["04"].path == items["04"].audio_path


def test_song_and_copies_are_left_out_and_strangers_are_named(tmp_path, caplog):
    touch(tmp_path, "Actor_01/03-01-01-01-01-01-01.wav", "audio/Actor_01/03-01-01-01-01-01-01.wav",
          "03-02-01-01-01-01-01.wav", "holiday.mp4", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav",
          "notes.txt")
    items = ravdess.scan(tmp_path, CONFIG)
    assert [item.id for item in items] == ["03-01-01-01-01-01-01"]
    [record] = caplog.records  # one message for all
    assert "3 media files" in record.getMessage()
    for name in ("holiday.mp4", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav"):
        assert name in record.getMessage()


def test_song_is_read_when_asked_for(tmp_path):
    touch(tmp_path, "03-01-01-01-01-01-01.wav", "03-02-01-01-01-01-01.wav", "03-02-06-02-01-01-01.wav")
    sung = DataConfig(channel="song")
    assert [item.take for item in ravdess.scan(tmp_path, sung)] == ["02-01-01-01-01-01", "02-06-02-01-01-01"]
    assert ravdess.labels(tmp_path, sung) == ("neutral", "calm", "happy", "sad", "angry", "fearful")
    assert len(ravdess.scan(tmp_path, DataConfig(channel="both"))) == 3


@pytest.mark.parametrize(("labels", "classes", "takes"), [
    ("emotions8", 8, 1440), ("drop_neutral", 7, 1344), ("calm_as_neutral", 7, 1440), ("drop_calm", 7, 1248)])
def test_label_sets(tmp_path, labels, classes, takes):
    touch(tmp_path, *(f"03-{take}.wav" for take in ravdess.published_takes()))
    config = DataConfig(labels=labels)
    items = ravdess.scan(tmp_path, config)
    names = ravdess.labels(tmp_path, config)
    assert (len(names), len(items)) == (classes, takes)
    assert {item.label for item in items} == set(names)
    if labels == "calm_as_neutral":
        assert Counter(item.label for item in items)["neutral"] == 96 + 192
    assert ravdess.lacking(items, config, None) == ""


def test_published_counts():
    takes = ravdess.published_takes()
    assert len(takes) == len(set(takes)) == 2452
    assert Counter(take[:2] for take in takes) == {"01": 1440, "02": 1012}
    assert Counter(take[3:5] for take in takes if take[:2] == "01") == {
        "01": 96, **dict.fromkeys(("02", "03", "04", "05", "06", "07", "08"), 192)}
    assert not any(take.endswith("-18") for take in takes if take[:2] == "02")


def test_what_is_lacking_is_named(tmp_path):
    there = [take for take in ravdess.published_takes() if take[-2:] not in ("03", "24")]
    there.remove("01-05-02-01-01-07")
    touch(tmp_path, *(f"03-{take}.wav" for take in there))
    items = ravdess.scan(tmp_path, CONFIG)
    assert ravdess.lacking(items, CONFIG, None) == "actors 3, 24 and takes 01-05-02-01-01-07"
    assert ravdess.lacking(items, CONFIG, {"3", "4"}) == "actors 3"
    assert ravdess.lacking(items, CONFIG, {"4", "5"}) == ""


def test_a_full_checkout_is_scanned_in_under_two_seconds(tmp_path):
    """2,880 video and 1,440 audio names of speech, and the copy of the Kaggle upload inside itself."""
    speech = [take for take in ravdess.published_takes() if take.startswith("01")]
    touch(tmp_path, *(f"Actor_{take[-2:]}/{modality}-{take}.mp4" for take in speech for modality in ("01", "02")),
          *(f"{folder}Actor_{take[-2:]}/03-{take}.wav" for take in speech
            for folder in ("", "audio_speech_actors_01-24/")))
    started = time.perf_counter()
    items = ravdess.scan(tmp_path, CONFIG)
    assert time.perf_counter() - started < 2
    assert len(items) == 1440
    assert all(item.id.startswith("01-") for item in items)


@pytest.mark.parametrize("make", [False, True])
def test_an_empty_or_missing_folder_is_an_error_with_a_remedy(tmp_path, make):
    root = tmp_path / "nothing here"
    if make:
        root.mkdir()
    with pytest.raises(UserError, match=r"nothing here.*--data\.root"):
        ravdess.scan(root, CONFIG)


def test_the_real_corpora_are_whole():
    sounds = ravdess.scan(shared("ravdess_speech"), CONFIG)
    assert len(sounds) == 1200
    assert sum(item.label == "neutral" for item in sounds) == 80
    assert sum(item.label == "calm" for item in sounds) == 160
    originals = ravdess.scan(shared("ravdess_original"), CONFIG)
    assert len(originals) == 6  # seven files, two of them twins of one take
    assert sum(item.audio_path is not None for item in originals) == 4
