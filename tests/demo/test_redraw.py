import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest

from vaer.config import DataConfig
from vaer.data.corpora import provenance_note, read_corpus
from vaer.data.protocols import read_split
from vaer.demo.face import UNITS
from vaer.demo.redraw import COLUMNS, GAIN, PRESENCE, Take, draw_frames, loudness, read_units, redraw, unfold
from vaer.errors import MediaError, UserError
from vaer.media import encode
from vaer.media.encode import encode_frames
from vaer.media.media import SAMPLE_RATE, read_waveform

ANGRY, HAPPY = "01-05-01-02-01-03", "01-03-01-02-01-03"  # one actor, statement, intensity and repetition


def rows():
    """Units of two takes that differ in nothing but the emotion, and the rows of their CSV."""
    rng = np.random.default_rng(0)
    return {name: np.concatenate([rng.uniform(0, 2, len(UNITS)), rng.uniform(0, 1, len(UNITS))])
            for name in (ANGRY, HAPPY)}


def write_units(path, table):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *COLUMNS, "AU28_c"])
        writer.writerows([f"01-{name}", *values, 0.0] for name, values in table.items())


def write_audio(path, seconds, seed=0):
    """A 16-bit FLAC of noise that swells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = int(seconds * SAMPLE_RATE)
    samples = np.random.default_rng(seed).normal(size=count) * np.linspace(0, 3000, count)
    encode.write_audio(path, samples.astype(np.int16) / np.float32(2**15))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    write_units(root / "units.csv", rows())
    write_audio(root / "sound/Actor_03" / f"03-{ANGRY}.flac", 1.03, seed=1)
    write_audio(root / "sound/Actor_03" / f"03-{HAPPY}.flac", 1.5, seed=2)
    return root


@pytest.fixture(scope="module")
def drawn(source, tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn") / "corpus"
    assert redraw(root, sound=source / "sound", action_units=source / "units.csv", size=48, processes=2) == 2
    return root


def test_the_ravdess_corpus_reads_what_was_drawn(drawn):
    _, items, _ = read_corpus(DataConfig(root=str(drawn), protocol="all_train"))
    assert [(item.label, item.speaker) for item in items] == [("happy", "3"), ("angry", "3")]


def test_splits_of_redrawn_takes_say_what_they_are(drawn):
    _, split = read_split(DataConfig(root=str(drawn), protocol="all_train"))
    assert split.verdict.startswith("redrawn faces, recorded voices; ")
    for inside in ("Actor_03", "table.csv"):
        assert provenance_note(str(drawn / inside)) == "redrawn faces, recorded voices"


def test_a_damaged_remark_is_an_error_of_one_sentence(drawn, tmp_path):
    (tmp_path / "redrawn.json").write_text("[]")
    with pytest.raises(UserError, match=r"redrawn\.json: cannot be read as the settings of drawn or composed clips"):
        provenance_note(str(tmp_path))


def test_the_sound_is_the_recorded_one_sample_for_sample(source, drawn):
    recorded = read_waveform(str(source / "sound/Actor_03" / f"03-{ANGRY}.flac"), 0, 1.03)
    kept = read_waveform(str(drawn / "Actor_03" / f"01-{ANGRY}.mp4"), 0, 1.03)
    assert len(recorded) == round(1.03 * SAMPLE_RATE)
    assert np.array_equal(recorded, kept)


def test_pictures_cover_the_sound(drawn):
    with av.open(str(drawn / "Actor_03" / f"01-{ANGRY}.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 26  # 1.03 s at 25 a second, rounded up


def test_a_second_call_draws_what_is_missing_alone(source, drawn):
    first, second = sorted(drawn.rglob("*.mp4"))
    content, date = first.read_bytes(), second.stat().st_mtime_ns
    first.unlink()
    assert redraw(drawn, sound=source / "sound", action_units=source / "units.csv", size=48, processes=1) == 1
    assert first.read_bytes() == content
    assert second.stat().st_mtime_ns == date


def test_another_takes_units_and_sound_give_that_takes_pictures():
    table = rows()
    sound = np.random.default_rng(3).normal(size=SAMPLE_RATE).astype(np.float32)

    def take(name, units):
        return Take("", f"Actor_03/01-{name}.mp4", *np.split(table[units], 2), 48, 1)

    angry = draw_frames(take(ANGRY, ANGRY), sound)
    assert np.array_equal(draw_frames(take(HAPPY, ANGRY), sound), angry)
    assert not np.array_equal(draw_frames(take(ANGRY, HAPPY), sound), angry)
    assert not np.array_equal(draw_frames(take("01-05-01-02-02-03", ANGRY), sound), angry)  # the other repetition moves


def test_units_keep_their_means_over_the_take():
    intensities, presences = np.full(len(UNITS), 0.3), np.linspace(0, 0.3, len(UNITS))  # nothing reaches 5
    units = unfold(intensities, presences, np.linspace(0.2, 1, 100), np.random.default_rng(0))
    wanted = np.array([GAIN.get(unit, 1.0) for unit in UNITS]) * (intensities + PRESENCE * presences)
    for unit in ("AU25", "AU26", "AU45"):  # presence adds nothing where audio and blinks lead
        wanted[UNITS.index(unit)] = 0.3
    assert np.allclose(units.mean(axis=0), wanted)
    assert units.min() >= 0
    frown = units[:, UNITS.index("AU17")]
    assert 30 < frown.argmax() < 70
    assert max(frown[0], frown[-1]) < 0.5 * frown.max()


def test_the_mouth_opens_with_the_sound():
    sound = np.concatenate([np.zeros(SAMPLE_RATE), np.ones(SAMPLE_RATE)]).astype(np.float32)
    units = unfold(np.ones(len(UNITS)), np.zeros(len(UNITS)), loudness(sound), np.random.default_rng(0))
    jaw = units[:, UNITS.index("AU26")]
    assert jaw[:20].max() == 0
    assert jaw[30:].min() == pytest.approx(2, rel=0.1)


def test_silence_shuts_the_mouth():
    units = unfold(np.ones(len(UNITS)), np.zeros(len(UNITS)), loudness(np.zeros(16000, np.float32)),
                   np.random.default_rng(0))
    assert np.isfinite(units).all()


def test_takes_that_one_side_lacks_are_named(source, tmp_path, capsys):
    write_units(tmp_path / "units.csv", {**rows(), "01-01-01-01-01-07": np.ones(2 * len(UNITS))})
    assert redraw(tmp_path / "new", sound=source / "sound", action_units=tmp_path / "units.csv", size=32,
                  processes=1) == 2
    assert "1 take without audio left out: 01-01-01-01-01-07" in capsys.readouterr().err
    facts = json.loads((tmp_path / "new/redrawn.json").read_text())
    assert facts["without_sound"] == ["01-01-01-01-01-07"]
    assert facts["remark"] == "redrawn faces, recorded voices"


@pytest.mark.parametrize(("text", "told"), [
    ("file,AU01_r\n01-01-05-01-02-01-03,1\n", "lacks the column AU02_r, AU04_r, AU05_r and 30 more"),
    (",".join(["file", *COLUMNS]) + "\n" + ",".join(["take5.mp4", *["1"] * len(COLUMNS)]) + "\n", "line 2"),
    (",".join(["file", *COLUMNS]) + f"\n01-{ANGRY},often\n", "line 2"),
])
def test_a_table_that_is_none_is_refused_in_one_sentence(tmp_path, text, told):
    path = tmp_path / "units.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        read_units(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("flag", "values"), [
    ("size", {"size": 47}), ("seed", {"seed": -1}), ("processes", {"processes": 0})])
def test_wrong_numbers_are_refused_before_anything_is_claimed(source, tmp_path, flag, values):
    with pytest.raises(UserError, match=f"--{flag} "):
        redraw(tmp_path / "new", sound=source / "sound", action_units=source / "units.csv", **values)
    assert not (tmp_path / "new").exists()


def test_a_missing_folder_of_sound_is_said(source, tmp_path):
    with pytest.raises(UserError, match="nowhere: there is no such folder; --sound wants"):
        redraw(tmp_path / "new", sound=tmp_path / "nowhere", action_units=source / "units.csv")


def test_sound_comes_from_the_sound_file_of_a_take_and_a_silent_one_is_named(source, tmp_path):
    write_units(tmp_path / "units.csv", {ANGRY: rows()[ANGRY]})
    pictures_alone = tmp_path / "sound" / f"01-{ANGRY}.mp4"
    pictures_alone.parent.mkdir()
    pictures_alone.write_bytes(encode_frames(np.zeros((5, 32, 32, 3), np.uint8), fps=25))
    with pytest.raises(MediaError, match=r"01-05-01-02-01-03\.mp4.*has no audio"):
        redraw(tmp_path / "none", sound=tmp_path / "sound", action_units=tmp_path / "units.csv", size=32, processes=1)
    write_audio(tmp_path / "sound" / f"03-{ANGRY}.flac", 0.5)
    assert redraw(tmp_path / "new", sound=tmp_path / "sound", action_units=tmp_path / "units.csv", size=32,
                  processes=1) == 1


def test_units_and_sound_of_different_takes_are_refused(source, tmp_path):
    write_units(tmp_path / "units.csv", {"01-01-01-01-01-07": np.ones(2 * len(UNITS))})
    with pytest.raises(UserError, match="holds the audio of none of the 1 take"):
        redraw(tmp_path / "new", sound=Path(source / "sound"), action_units=tmp_path / "units.csv")
    assert not (tmp_path / "new").exists()
