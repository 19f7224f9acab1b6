import numpy as np
import pandas as pd
import pytest
from makers import make_item
from PIL import Image

from vaer.cli import main
from vaer.config import DataConfig
from vaer.data.corpora import read_corpus
from vaer.data.protocols import read_split
from vaer.demo.compose import SIDES, compose, moving, pairs_of
from vaer.errors import UserError
from vaer.media import encode
from vaer.media.media import SAMPLE_RATE, read_waveform
from vaer.media.probe import probe

WHO = {"train": "a", "validation": "b", "test": "c"}


@pytest.fixture
def sources(tmp_path):
    """A corpus of voices, two takes of a person on each side, and one of faces, two on each side; both as settings."""
    rng = np.random.default_rng(0)
    for folder in ("voices", "faces"):
        (tmp_path / folder).mkdir()
    voices, faces = [], []
    for side, who in WHO.items():
        for number, label in enumerate(("sad", "happy")):
            noise = rng.normal(size=SAMPLE_RATE // 2).astype(np.float32) / 20
            encode.write_audio(tmp_path / f"voices/{who}{number}.flac", noise)
            voices.append((f"{who}{number}.flac", label, who, side))
            Image.fromarray(rng.integers(0, 255, (48, 48), np.uint8)).save(tmp_path / f"faces/{who}{number}.png")
            faces.append((f"{who}{number}.png", label, f"face of {who}", side))
    found = []
    for name, rows in (("voices", voices), ("faces", faces)):
        table = pd.DataFrame(rows, columns=["path", "label", "speaker", "side"])
        table[["path", "label", "speaker"]].to_csv(tmp_path / name / "table.csv", index=False)
        table.assign(id=[row[0].rpartition(".")[0] for row in rows])[["id", "side"]].to_csv(
            tmp_path / name / "sides.csv", index=False)
        found.append(DataConfig(corpus="csv", root=str(tmp_path / name), protocol=str(tmp_path / name / "sides.csv")))
        (tmp_path / f"{name}.yaml").write_text(f"data:\n  corpus: csv\n  root: {found[-1].root}\n"
                                               f"  protocol: {found[-1].protocol}\n")
    return found


def test_the_csv_corpus_reads_what_was_composed_and_every_score_says_what_it_is(sources, tmp_path, capsys):
    root = tmp_path / "composed"
    main(["compose", str(root), "--voices", str(tmp_path / "voices.yaml"), "--faces", str(tmp_path / "faces.yaml"),
          "--size", "32", "--copies", "2", "--processes", "1"])
    config = DataConfig(corpus="csv", root=str(root), protocol=str(root / "sides.csv"))
    classes, split = read_split(config)
    assert classes == ("happy", "sad")
    assert split.verdict.startswith("voice and face of different people; no speaker, take or file on two sides")
    assert {side: {item.speaker for item in getattr(split, side)} for side in SIDES} == {
        side: {who} for side, who in WHO.items()}
    items = read_corpus(config).items
    assert len(items) == 12
    facts = probe(items[0].path)
    assert (facts.has_audio, facts.duration_s) == (True, pytest.approx(0.5, abs=0.04))
    original = read_waveform(str(tmp_path / "voices" / f"{items[0].attributes['voice']}.flac"), 0, 0.5)
    assert np.array_equal(read_waveform(items[0].path, 0, 0.5), original)


def test_it_goes_on_where_it_was_interrupted_and_the_bytes_are_the_same(sources, tmp_path):
    def content():
        return {path.name: path.read_bytes() for path in sorted((tmp_path / "made").rglob("*.*")) if path.is_file()}

    assert compose(tmp_path / "made", *sources, size=32, processes=1) == 6
    before = content()
    (tmp_path / "made/clips/a0_0.mp4").unlink()
    assert compose(tmp_path / "made", *sources, size=32, processes=1) == 1
    assert content() == before
    with pytest.raises(UserError, match="holds composed clips with other settings: seed 0"):
        compose(tmp_path / "made", *sources, size=32, seed=1, processes=1)


def test_no_two_speakers_get_the_same_face_and_none_comes_twice_before_all_came():
    voices = [make_item(f"{who}{number}", label="sad", speaker=who) for who in "ab" for number in range(3)]
    faces = [make_item(f"face{number}", label="sad", speaker=str(number)) for number in range(6)]
    pairs = pairs_of({"train": voices, "validation": [], "test": []},
                     {"train": faces, "validation": [], "test": []}, 2, 0)
    given = {who: [pair.face.id for pair in pairs if pair.voice.speaker == who] for who in "ab"}
    assert not set(given["a"]) & set(given["b"])
    assert all(set(some[:3]) == set(some[3:]) and len(set(some)) == 3 for some in given.values())


def test_a_label_without_faces_for_all_is_refused():
    voices = [make_item(who, label="calm", speaker=who) for who in "ab"]
    with pytest.raises(UserError, match=r"calm: has 0 faces for the 2 speakers of side train"):
        pairs_of({"train": voices, "validation": [], "test": []}, {side: [] for side in SIDES}, 1, 0)


def test_a_still_moves_little_from_frame_to_frame_and_stays_whole():
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    frames = moving(ramp, 2.0, np.random.default_rng(0)).astype(int)
    assert frames.shape == (50, 64, 64, 3)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert 0 < steps.max() < 6  # a pixel is worth 4
    assert np.abs(frames.mean(axis=0) - ramp).mean() < 25
