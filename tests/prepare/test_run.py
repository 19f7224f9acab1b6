"""Preparing a whole folder: everything is accounted for, whatever happens on the way."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from makers import contents, make_recordings, tone, write_bar_codes, write_video, write_wav
from PIL import Image

from vaer.config import DataConfig
from vaer.data.corpora import read_corpus
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.demo.render import render_corpus
from vaer.errors import RunError, UserError
from vaer.prepare.run import prepare
from vaer.prepare.settings import PrepareConfig

SMALL = PrepareConfig(size=32)


def test_every_recording_is_accounted_for(tmp_path):
    rows = prepare(make_recordings(tmp_path / "from"), tmp_path / "to", SMALL, processes=2)
    table = pd.read_csv(tmp_path / "to/manifest.csv", keep_default_na=False)
    assert table.path.tolist() == [row.path for row in rows] == [
        "Actor_00/00 \u00e9.mp4", "Actor_00/02 \u00e9.mp4", "Actor_01/01 \u00e9.mp4", "", "silent.flac"]
    assert table.notes.tolist() == ["no face"] * 3 + ["", "silent"]
    assert "cannot be decoded" in table.reason[3] or "is cut off" in table.reason[3]
    assert table.frames.tolist() == [8, 10, 9, 0, 0]
    for path, digest in zip(table.path, table.sha256, strict=True):
        assert not path or hashlib.sha256((tmp_path / "to" / path).read_bytes()).hexdigest() == digest
    assert (tmp_path / "to/table.csv").read_text() == "path,label\n"
    report = (tmp_path / "to/report/report.md").read_text()
    assert "| cut.mp4 | " in report
    assert "1 other files were not taken over: all.zip" in report
    assert (tmp_path / "to/report/doubtful-01.png").exists()


def test_names_that_are_not_utf8_are_prepared_once(tmp_path):
    write_wav(tmp_path / "from" / os.fsdecode(b"caf\xe9.wav"), tone(0.2))
    (tmp_path / "from" / os.fsdecode(b"\xe9.wav")).write_bytes(b"")
    (tmp_path / "from" / os.fsdecode(b"\xe9.zip")).touch()
    write_wav(tmp_path / "from/._a.wav", tone(0.2))
    for _ in range(2):
        rows = prepare(tmp_path / "from", tmp_path / "to", SMALL, processes=1)
        before = (tmp_path / "to/manifest.csv").stat().st_mtime_ns
        assert [(row.source, row.path) for row in rows] == [(r"\xe9.wav", ""), (r"caf\xe9.wav", r"caf\xe9.flac")]
    table = pd.read_csv(tmp_path / "to/manifest.csv", keep_default_na=False)
    assert table.source.tolist() == [r"\xe9.wav", r"caf\xe9.wav"]
    assert (tmp_path / "to" / r"caf\xe9.flac").stat().st_mtime_ns < before, "not done a second time"
    report = (tmp_path / "to/report/report.md").read_text()
    assert r"1 other files were not taken over: \xe9.zip" in report
    assert "passed over 1 item that an operating system left: ._a.wav" in report


@pytest.mark.slow
def test_what_was_given_up_is_tried_again(tmp_path):
    """A second of processor time does not do for 1,500 frames; 600 do."""
    (tmp_path / "from").mkdir()
    write_bar_codes(tmp_path / "from/a.mp4", frames=1500)
    write_wav(tmp_path / "from/b.wav", tone(0.2))
    with pytest.raises(RunError, match=r"1 of 2 files given up, .* raise --timeout_s \(now 0\.1\)"):
        prepare(tmp_path / "from", tmp_path / "to", PrepareConfig(size=32, timeout_s=0.1), processes=1)
    assert "a.mp4 | takes longer than --timeout_s 0.1 allows" in (tmp_path / "to/report/report.md").read_text()
    before = (tmp_path / "to/b.flac").stat().st_mtime_ns
    rows = prepare(tmp_path / "from", tmp_path / "to", SMALL, processes=1)
    assert [(row.source, row.frames, row.reason) for row in rows] == [("a.mp4", 1500, ""), ("b.wav", 0, "")]
    assert (tmp_path / "to/b.flac").stat().st_mtime_ns == before


def test_a_link_into_nothing_is_reported(tmp_path):
    write_wav(tmp_path / "from/a.wav", tone(0.2))
    (tmp_path / "from/b.wav").symlink_to(tmp_path / "gone.wav")
    rows = prepare(tmp_path / "from", tmp_path / "to", SMALL, processes=1)
    assert [row.reason for row in rows] == ["", "cannot be opened (No such file or directory); check the path and its "
                                                "permissions"]


def test_a_second_time_nothing_is_done_and_new_or_changed_recordings_alone_later(tmp_path):
    source, target = make_recordings(tmp_path / "from"), tmp_path / "to"
    prepare(source, target, SMALL, processes=1)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.mp4")}
    whole = contents(target)
    prepare(source, target, SMALL, processes=1)
    assert contents(target) == whole
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*.mp4")} == before
    write_video(source / "new.mp4", frames=4, size=(48, 48))
    write_video(source / "Actor_00/00 \u00e9.mp4", frames=5, size=(48, 48))
    rows = {row.source: row for row in prepare(source, target, SMALL, processes=1)}
    changed = [str(path.relative_to(target)) for path in sorted(target.rglob("*.mp4"))
               if path.stat().st_mtime_ns != before.get(path)]
    assert changed == ["Actor_00/00 \u00e9.mp4", "new.mp4"]
    assert rows["Actor_00/00 \u00e9.mp4"].frames == 5
    (source / "new.mp4").unlink()
    prepare(source, target, SMALL, processes=1)
    assert "1 clip whose file is gone: new.mp4" in (target / "report/report.md").read_text()


def test_a_prepared_corpus_is_read_like_the_raw_one(tmp_path):
    render_corpus(tmp_path / "raw", speakers=2, takes=1, size=48, processes=1)
    prepare(tmp_path / "raw", tmp_path / "prepared", PrepareConfig(size=48), processes=2)
    found = {}
    for name in ("raw", "prepared"):
        config = DataConfig(corpus="demo", root=str(tmp_path / name), num_frames=4, size=32)
        classes, items, _ = read_corpus(config)
        found[name] = EvaluationClips(items, classes, config=config, wanted=Modalities())
    assert len(found["raw"]) == len(found["prepared"]) == 16
    for index in range(16):
        raw, prepared = (clips[0, index] for clips in found.values())
        assert raw.label == prepared.label
        np.testing.assert_allclose(prepared.frame_times, raw.frame_times, atol=2e-3)
        assert abs(len(prepared.waveform) - len(raw.waveform)) <= 16  # a millisecond
        samples = min(len(prepared.waveform), len(raw.waveform))
        np.testing.assert_allclose(prepared.waveform[:samples], raw.waveform[:samples], atol=0.02)


def test_a_prepared_corpus_of_ones_own_is_read_by_its_table(tmp_path):
    source = tmp_path / "from"
    write_video(source / "takes/one.avi", frames=8, size=(48, 48), sound=tone(1.0, 48_000)[None])
    write_wav(source / "takes/two.wav", tone(1.0))
    (source / "table.csv").write_text("path,label,speaker\ntakes/one.avi,sad,A\ntakes/two.wav,calm,B\n")
    prepare(source, tmp_path / "to", SMALL, processes=1)
    prepare(tmp_path / "to", tmp_path / "again", SMALL, processes=1)
    for root, place in ((tmp_path / "to", "."), (tmp_path / "again", "."), (tmp_path / "to", "table.csv")):
        classes, items, _ = read_corpus(DataConfig(corpus="csv", root=str(root / place)))
        assert classes == ("calm", "sad")
        assert [item.path for item in items] == [f"{root}/takes/one.mp4", f"{root}/takes/two.flac"]
        assert [item.id for item in items] == ["takes/one", "takes/two"]  # those of the raw corpus
        assert all(item.duration_s > 0.3 for item in items)


def test_a_table_of_films_and_stills_is_prepared_and_read_whole(tmp_path):
    """The stills that it names become clips of one frame; a cover beside them, which it does not name, stays out."""
    source = tmp_path / "from"
    write_video(source / "a.avi", frames=8, size=(48, 48), sound=tone(1.0, 48_000)[None])
    for name in ("faces/b.jpg", "c.webp", "cover.png"):
        (source / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (120, 90, 60)).save(source / name)
    (source / "table.csv").write_text("path,label,speaker\na.avi,sad,A\nfaces/b.jpg,calm,B\nc.webp,sad,C\n")
    prepare(source, tmp_path / "to", SMALL, processes=1)
    prepare(tmp_path / "to", tmp_path / "again", SMALL, processes=1)
    assert "1 other files were not taken over: cover.png" in (tmp_path / "to/report/report.md").read_text()
    for root in (tmp_path / "to", tmp_path / "again"):
        config = DataConfig(corpus="csv", root=str(root), num_frames=4, size=32)
        classes, items, _ = read_corpus(config)
        assert [item.path for item in items] == [f"{root}/{name}" for name in ("a.mp4", "faces/b.png", "c.png")]
        clips = EvaluationClips(items, classes, config=config, wanted=Modalities())
        assert [(clips[0, index].frames is not None, clips[0, index].waveform is not None) for index in range(3)] == [
            (True, True), (True, False), (True, False)]


@pytest.mark.slow
def test_killed_at_random_it_ends_like_undisturbed_work(tmp_path):
    source = make_recordings(tmp_path / "from", films=28)
    prepare(source, tmp_path / "calm", SMALL, processes=2)
    command = [sys.executable, "-c", "from vaer.cli import main; main()", "prepare", str(source),
               str(tmp_path / "killed"), "--size", "32", "--processes", "2"]
    rng, kills = np.random.default_rng(0), 0
    for _ in range(3):
        work = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        journal = tmp_path / "killed/manifest.part.jsonl"
        goal = (journal.stat().st_size if journal.exists() else 0) + int(rng.integers(300, 3000))
        while work.poll() is None and not (journal.exists() and journal.stat().st_size >= goal):
            time.sleep(0.01)
        if work.poll() is None:
            kills += 1
            os.killpg(work.pid, signal.SIGKILL)
        work.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert kills >= 2
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")


def test_a_folder_with_other_settings_or_other_content_is_refused(tmp_path):
    source = make_recordings(tmp_path / "from", films=1)
    prepare(source, tmp_path / "to", SMALL, processes=1)
    with pytest.raises(UserError, match=r"prepared with other settings: size 32 \(asked for: 64\)"):
        prepare(source, tmp_path / "to", PrepareConfig(size=64))
    prepare(source, tmp_path / "to", PrepareConfig(size=32, timeout_s=9), processes=1)  # no clip depends on it
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").touch()
    with pytest.raises(UserError, match="is there already and holds no prepared clips"):
        prepare(source, tmp_path / "mine", SMALL)
    (tmp_path / "to/prepare.json").write_text("{")
    with pytest.raises(UserError, match=r"prepare\.json: cannot be read"):
        prepare(source, tmp_path / "to", SMALL)


@pytest.mark.parametrize("target", ["from", "from/prepared", "."])
def test_recordings_and_clips_do_not_mix(tmp_path, target):
    source = make_recordings(tmp_path / "from", films=1)
    with pytest.raises(UserError, match="lies in the folder of the files, or holds it"):
        prepare(source, tmp_path / target, SMALL)
