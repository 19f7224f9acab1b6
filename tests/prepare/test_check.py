"""`vaer check`: a line for every broken recording, and on it goes."""

import numpy as np
import pytest
from makers import tone, write_video, write_wav

from vaer.errors import RunError, UserError
from vaer.prepare.check import check


def test_whole_recordings_have_no_line(tmp_path, capsys):
    write_video(tmp_path / "a.mp4", fps=40, frames=31, sound=tone(1.0, 48_000)[None])
    write_wav(tmp_path / "deep/b.wav", tone(0.3))
    check(tmp_path, processes=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"{tmp_path}: 2 of 2 recordings decode to their end\n")


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
    with pytest.raises(RunError, match=r"\d+ of 213 recordings are broken, named above"):
        check(tmp_path, processes=2, timeout_s=20.0)
    lines = capsys.readouterr().out.splitlines()
    named = {line.split(": ")[0] for line in lines}
    assert len(named) == len(lines), "one line a recording"
    assert {str(tmp_path / f"cut{tenth}.mp4") for tenth in range(1, 10)} <= named
    assert str(path) not in named
    assert all(len(line.split(": ", 1)[1]) > 10 for line in lines)


def test_one_file_and_none(tmp_path):
    check(write_wav(tmp_path / "a.wav", tone(0.2)), processes=1)
    with pytest.raises(UserError, match="there is no such file or folder"):
        check(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no recording"):
        check(tmp_path / "empty")
    for settings, message in (({"processes": 0}, "--processes is 0"), ({"timeout_s": -1}, "--timeout_s is -1")):
        with pytest.raises(UserError, match=message):
            check(tmp_path, **settings)
