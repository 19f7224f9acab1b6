"""`vaer check`: a line for every broken file, and on it goes."""

import os
from pathlib import Path

import numpy as np
import pytest
from makers import tone, write_samples, write_video, write_wav

from vaer.errors import GivenUpError, MediaError, RunError, UserError
from vaer.media.waveforms import CANCELS
from vaer.prepare import check as check_module
from vaer.prepare.check import check, check_one


def test_whole_recordings_have_no_line(tmp_path, capsys):
    write_video(tmp_path / "a.mp4", fps=40, frames=31, sound=tone(1.0, 48_000)[None])
    write_wav(tmp_path / "deep/b.wav", tone(0.3))
    check(tmp_path, processes=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"{tmp_path}: 2 of 2 files decoded to the end\n")


def test_stills_that_a_table_names_beside_films_are_checked(tmp_path, capsys):
    write_video(tmp_path / "a.mp4", frames=4)
    for name in ("b.png", "cover.png"):
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / "table.csv").write_text("path,label\na.mp4,x\nb.png,y\n")
    with pytest.raises(RunError, match="1 of 2 files broken"):
        check(tmp_path, processes=1)
    assert f"{tmp_path / 'b.png'}: " in capsys.readouterr().out


def test_the_table_is_read_before_its_files(tmp_path, capsys):
    write_video(tmp_path / "a.mp4", frames=4)
    (tmp_path / "table.csv").write_text("path,label\na.mp4,x\nb.mp4,y\n")
    with pytest.raises(UserError, match=r"table\.csv: line 3 names .*b\.mp4, and there is no such file"):
        check(tmp_path, processes=1)
    assert capsys.readouterr() == ("", "")


def test_every_truncation_many_flips_and_absurd_headers(tmp_path, capsys):
    path = write_video(tmp_path / "whole.mp4", frames=30, size=(48, 64), sound=tone(3.0, 48_000)[None])
    whole = path.read_bytes()
    for tenth in range(1, 10):
        (tmp_path / f"cut{tenth}.mp4").write_bytes(whole[:len(whole) * tenth // 10])
    rng = np.random.default_rng(0)
    for number in range(200):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / f"flip{number:03d}.mp4").write_bytes(flipped)
    entry = whole.index(b"avc1")
    for name, place in {"wide": entry + 28, "high": entry + 30}.items():
        (tmp_path / f"{name}.mp4").write_bytes(whole[:place] + b"\xff\xff" + whole[place + 2:])
    times = whole.index(b"stts")
    (tmp_path / "long.mp4").write_bytes(whole[:times + 12] + b"\x7f\xff\xff\xff" * 2 + whole[times + 20:])
    with pytest.raises(RunError, match=r"\d+ of 213 files broken, named above"):
        check(tmp_path, processes=2, timeout_s=20.0)
    lines = capsys.readouterr().out.splitlines()
    named = {line.split(": ")[0] for line in lines}
    assert len(named) == len(lines), "one line a file"
    assert {str(tmp_path / f"cut{tenth}.mp4") for tenth in range(1, 10)} <= named
    assert str(path) not in named
    assert all(len(line.split(": ", 1)[1]) > 10 for line in lines)


def test_one_file_and_none(tmp_path):
    check(write_wav(tmp_path / "a.wav", tone(0.2)), processes=1)
    with pytest.raises(UserError, match="there is no such file or folder"):
        check(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no media file"):
        check(tmp_path / "empty")
    for settings, message in (({"processes": 0}, "--processes is 0"), ({"timeout_s": -1}, "--timeout_s is -1")):
        with pytest.raises(UserError, match=message):
            check(tmp_path, **settings)


def test_any_name_is_a_file(tmp_path, monkeypatch, capsys):
    """FFmpeg takes what stands before a colon for a protocol; bytes that are not UTF-8 are no text."""
    monkeypatch.chdir(tmp_path)
    names = ["12:30.wav", "concat:a.wav", "http:a.wav", "pipe:.wav", "a%03d.wav", "-a.wav", "a*[b]{c,d}?.wav",
             os.fsdecode(b"caf\xe9.wav")]
    for name in names:
        write_wav(tmp_path / name, tone(0.2))
        assert check_one(name) == ""
    (tmp_path / os.fsdecode(b"\xff:broken.wav")).write_bytes(b"")
    with pytest.raises(RunError, match="1 of 9 files broken"):
        check(Path(), processes=2)
    assert capsys.readouterr().out == "./\\xff:broken.wav: is empty; make or download the file again\n"


def test_what_is_no_file_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(RunError, match="1 of 1 file broken"):
        check(tmp_path, processes=1, timeout_s=20)
    assert capsys.readouterr().out == f"{tmp_path}/pipe.mp4: is no file; name one, or take it out of the folder\n"


def test_sound_that_cancels_out_is_said(tmp_path, capsys):
    write_samples(tmp_path / "a.wav", np.stack([tone(1.0), -tone(1.0)]).astype("f4"))
    check(tmp_path, processes=1)
    out, err = capsys.readouterr()
    assert out == f"{tmp_path}/a.wav: {CANCELS}\n"
    assert err.endswith(f"{tmp_path}: 1 of 1 file decoded to the end, 1 has something to say\n")


def test_what_was_given_up_is_not_called_broken(tmp_path, capsys, monkeypatch):
    for name in ("a.wav", "b.wav", "c.wav"):
        write_wav(tmp_path / name, tone(0.2))
    results = [GivenUpError("a.wav", "takes longer"), MediaError("b.wav", "is broken"), ""]
    monkeypatch.setattr(check_module, "each_isolated",
                        lambda function, jobs, **_: zip([path for path, _ in jobs], results, strict=True))
    with pytest.raises(RunError, match=r"1 of 3 files given up, named above; raise --timeout_s \(now 9\) and "
                                       r"check them again \(1 others are broken\)"):
        check(tmp_path, processes=1, timeout_s=9)
    assert capsys.readouterr().out == "a.wav: takes longer\nb.wav: is broken\n"
