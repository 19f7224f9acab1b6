import pytest
from makers import shared

from vaer.config import DataConfig
from vaer.data.corpora import ravdess
from vaer.errors import UserError

CONFIG = DataConfig()


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
    assert item.sound == item.path
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
    assert items["01"].sound == items["01"].path
    assert items["02"].path.endswith("02-01-02-01-01-01-01.mp4")
    assert items["02"].sound.endswith("03-01-02-01-01-01-01.flac")
    assert items["03"].sound is None  # its own track is silent by design
    assert items["04"].path == items["04"].sound


def test_song_and_copies_are_left_out_and_strangers_are_named(tmp_path, caplog):
    touch(tmp_path, "Actor_01/03-01-01-01-01-01-01.wav", "audio/Actor_01/03-01-01-01-01-01-01.wav",
          "03-02-01-01-01-01-01.wav", "holiday.mp4", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav",
          "notes.txt")
    items = ravdess.scan(tmp_path, CONFIG)
    assert [item.id for item in items] == ["03-01-01-01-01-01-01"]
    assert "3 media files" in caplog.text
    assert "holiday.mp4" in caplog.text


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
    assert sum(item.sound is not None for item in originals) == 4
