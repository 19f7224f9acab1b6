import hashlib
import json
import re
from collections import defaultdict

import av
import numpy as np
import pytest

from vaer.demo.face import UNITS
from vaer.demo.render import CLASSES, EXPRESSIONS, RAISED, Group, _units, patterns, render_corpus
from vaer.errors import UserError


def pictures(path):
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def sound(path):
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def streams(root):
    """By decoded content: label, hash of the frames and hash of the audio of every file."""
    found = []
    for path in sorted(root.glob("Actor_*/*.mp4")):
        codes = re.fullmatch(r"01-01-(\d\d)-01-\d\d-\d\d-\d\d", path.stem)
        found.append((int(codes[1]) - 1, digest(pictures(path)), digest(sound(path))))
    return found


def labels_by(found, place):
    groups = defaultdict(list)
    for entry in found:
        groups[entry[place]].append(entry[0])
    return {key: sorted(labels) for key, labels in groups.items()}


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def emotion(tmp_path_factory):
    root = tmp_path_factory.mktemp("emotion") / "corpus"
    assert render_corpus(root, task="emotion", speakers=2, takes=2, size=48, processes=2) == 2 * 2 * 8
    return root


@pytest.fixture(scope="module")
def moment(tmp_path_factory):
    root = tmp_path_factory.mktemp("moment") / "corpus"
    assert render_corpus(root, task="moment", speakers=1, takes=1, size=48, processes=1) == 2 * 16  # 1 * 5 // 2 groups
    return root


def test_emotion_needs_both_modalities(emotion):
    found = streams(emotion)
    by_pictures, by_sound = labels_by(found, 1), labels_by(found, 2)
    assert len(by_pictures) == len(by_sound) == 2 * 2 * 4
    assert all(label ^ 1 == other and len(rest) == 0 for label, other, *rest in by_pictures.values())
    assert all((label + 4) % 8 == other and len(rest) == 0 for label, other, *rest in by_sound.values())
    # Each pair is one of the four of expressions, each of voices, each in all of the four groups.
    assert sorted(by_pictures.values()) == sorted([[0, 1], [2, 3], [4, 5], [6, 7]] * 4)
    assert sorted(by_sound.values()) == sorted([[0, 4], [1, 5], [2, 6], [3, 7]] * 4)
    assert len({entry[1:] for entry in found}) == len(found) == 32  # both together decide


def test_moment_needs_both_modalities(moment):
    found = streams(moment)
    by_pictures, by_sound = labels_by(found, 1), labels_by(found, 2)
    assert len(by_pictures) == len(by_sound) == 2 * 4
    assert all(labels == [0, 1, 2, 3] for labels in by_pictures.values())
    assert all(labels == [0, 1, 2, 3] for labels in by_sound.values())
    assert len({entry[1:] for entry in found}) == len(found) == 32


def test_moment_label_is_the_face_under_the_raised_voice(moment):
    """A slot's frames look alike in every file whose label is seen there, and the slot's audio is the loudest."""
    shown = defaultdict(list)
    for path in sorted(moment.glob("*/01-01-*-01-*-01-01.mp4")):
        codes = path.stem.split("-")
        slot, label = int(codes[4]) - 1, int(codes[2]) - 1
        film, wave = pictures(path).astype(int), sound(path)
        slot_samples = len(film) * 640 // 4  # a frame lasts 16000 / 25 samples
        slots = wave[:4 * slot_samples].reshape(4, slot_samples)
        assert slots.std(axis=1).argmax() == slot
        middle = len(film) // 4 * slot + len(film) // 8
        shown[slot, label].append(film[middle])
    assert len(shown) == 16
    for slot in range(4):  # the same moment of the same motion: only the expression differs
        faces = [shown[slot, label][0] for label in range(4)]
        assert all(np.abs(one - other).mean() > 0.5 for i, one in enumerate(faces) for other in faces[:i])


def test_moment_pictures_do_not_follow_the_raised_voice(moment):
    films = {digest(pictures(path)) for path in moment.glob("*/01-01-*-01-*-01-01.mp4")}
    assert len(films) == 4  # sixteen files, four raised slots: the frames are the same in all four


def test_the_voices_of_a_take_are_equally_loud_at_every_time(emotion):
    levels = []
    for code in ("01", "02", "03", "04"):
        wave = sound(emotion / "Actor_01" / f"01-01-{code}-01-01-01-01.mp4").astype(float)
        levels.append(np.sqrt((wave[:len(wave) // 640 * 640].reshape(-1, 640) ** 2).mean(axis=1)))  # 40 ms
    levels = np.stack(levels)
    assert np.corrcoef(levels).min() > 0.995
    loud = levels.min(axis=0) > 0.1 * levels.max()
    assert np.abs(20 * np.log10(levels / levels.mean(axis=0)))[:, loud].max() < 2  # dB, after AAC


def test_pictures_and_sound_begin_and_end_together(emotion):
    for path in emotion.glob("Actor_*/*.mp4"):
        with av.open(str(path)) as file:
            seen, heard = file.streams.video[0], file.streams.audio[0]
            assert seen.start_time == heard.start_time == 0
            assert (seen.codec_context.name, heard.codec_context.name) == ("h264", "aac")
            assert float(seen.average_rate) == 25
            assert 1.6 <= seen.frames / 25 <= 2.4
            assert abs(heard.duration * heard.time_base - seen.frames / 25) < 0.07  # a packet of 1024 samples


def test_the_same_bytes_again_whatever_the_processes(emotion, tmp_path):
    render_corpus(tmp_path / "again", task="emotion", speakers=2, takes=2, size=48, processes=1)
    assert contents(tmp_path / "again") == contents(emotion)


def test_takes_and_seeds_differ(emotion, tmp_path):
    render_corpus(tmp_path, task="emotion", speakers=1, takes=1, size=48, seed=1, processes=1)
    name = "Actor_01/01-01-05-01-01-01-01.mp4"
    assert (tmp_path / name).read_bytes() != (emotion / name).read_bytes()
    assert (emotion / name).read_bytes() != (emotion / "Actor_01/01-01-05-01-01-02-01.mp4").read_bytes()


def test_what_an_interruption_left_is_redone(moment, tmp_path):
    before = contents(moment)
    gone = moment / "Actor_01" / next(path.name for path in moment.glob("*/01-01-02-01-03-02-01.mp4"))
    gone.unlink()
    gone.with_suffix(".part").write_bytes(b"half")
    settings = json.loads((moment / "demo.json").read_text())
    (moment / "demo.json").write_text(json.dumps(settings | {"finished": False}))
    assert render_corpus(moment, task="moment", speakers=1, takes=1, size=48, processes=1) == 16  # of 32: one group
    assert contents(moment) == before
    assert render_corpus(moment, task="moment", speakers=1, takes=1, size=48, processes=1) == 0


@pytest.mark.parametrize("other", [{"seed": 3}, {"size": 64}, {"takes": 3}, {"task": "moment"}])
def test_settings_are_not_mixed_in_one_folder(emotion, other):
    before = contents(emotion)
    with pytest.raises(UserError, match=f"{next(iter(other))}.*choose another folder"):
        render_corpus(emotion, **{"task": "emotion", "speakers": 2, "takes": 2, "size": 48} | other)
    assert contents(emotion) == before


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "Actor_01").mkdir()
    with pytest.raises(UserError, match="holds no demo corpus; choose a new or empty folder"):
        render_corpus(tmp_path, speakers=1, takes=1, size=48)
    assert [path.name for path in tmp_path.iterdir()] == ["Actor_01"]


@pytest.mark.parametrize("text", ["", "{", "7"])
def test_broken_settings_are_told(tmp_path, text):
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(UserError, match=r"demo\.json: cannot be read"):
        render_corpus(tmp_path, speakers=1, takes=1, size=48)


@pytest.mark.parametrize("wrong", [{"speakers": 0}, {"takes": 0}, {"size": 16}, {"size": 49}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match=f"--{next(iter(wrong))} is"):
        render_corpus(tmp_path / "corpus", **wrong)
    assert not (tmp_path / "corpus").exists()


def test_the_default_moment_corpus_tests_on_enough_clips(tmp_path):
    # Speakers 1 to 4 have 4 * 5 // 2 = 10 groups of 16 clips: 640 clips.
    assert sum(len(Group("", "moment", 0, 96, speaker, take).files()) for speaker in range(1, 5)
               for take in range(10)) == 640


def test_expressions_leave_the_jaw_to_the_voice():
    assert CLASSES["moment"] == tuple(EXPRESSIONS)
    mouth = [UNITS.index("AU25"), UNITS.index("AU26")]
    heights = patterns(np.random.default_rng(0))
    assert heights.shape == (4, 17)
    assert (heights[:, mouth] == 0).all()
    assert all(np.linalg.norm(one - other) > 4 for i, one in enumerate(heights) for other in heights[:i])


def test_units_are_told_by_the_face_alone(tmp_path):
    assert render_corpus(tmp_path / "corpus", task="units", speakers=1, takes=1, size=48, processes=1) == len(RAISED)
    found = streams(tmp_path / "corpus")
    assert [label for label, _, _ in found] == list(range(len(RAISED)))
    assert len({picture for _, picture, _ in found}) == len(RAISED)
    assert len({voice for _, _, voice in found}) == 1


def test_the_unit_that_names_a_film_stands_above_the_others(monkeypatch):
    drawn = []
    monkeypatch.setattr("vaer.demo.render.draw", lambda who, units, pose, size: drawn.append(units) or np.zeros(1))
    group = Group("", "units", 0, 48, 1, 0)
    films, _ = _units(group, group.rng())
    for unit, _ in zip(RAISED, films, strict=True):
        levels = {name: drawn[-1][UNITS.index(name)] for name in RAISED}
        assert max(levels, key=levels.get) == unit
