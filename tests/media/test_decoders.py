import contextlib
import multiprocessing
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from makers import DECODERS, bar_codes, shared, write_bar_codes, write_video

from vaer.errors import MediaError, UserError
from vaer.media import decoders, readers
from vaer.media.probe import probe
from vaer.media.readers import READERS, RefusedError, Request


@pytest.fixture(autouse=True)
def _asked_anew():
    decoders.chosen.cache_clear()
    yield
    decoders.chosen.cache_clear()


@pytest.mark.parametrize(("present", "far", "near"), [
    (("decord", "torchcodec", "pyav"), "decord", "pyav"), (("torchcodec", "pyav"), "torchcodec", "torchcodec"),
    (("pyav",), "pyav", "pyav")])
def test_auto_jumps_with_decord_far_from_the_start_alone(monkeypatch, present, far, near):
    monkeypatch.setattr(readers, "is_usable", lambda name: name in present)
    monkeypatch.setattr(readers, "release", lambda name: f"{name} 1")
    assert (decoders.chosen("auto"), decoders.chosen("auto", far=False)) == (far, near)
    assert decoders.described("auto") == f"auto: {far} 1" + f", {near} 1" * (near != far)
    assert decoders.described("pyav") == "pyav 1"


@pytest.mark.parametrize(("decoder", "indices", "expected"), [
    ("auto", [0, 15, 29], "pyav"), ("auto", [0], "pyav"), ("auto", [29, 10, 20], "decord"), ("auto", [9, 29], "pyav"),
    ("decord", [0, 15, 29], "decord")])
def test_far_is_where_a_third_of_the_pictures_would_be_thrown_away(tmp_path, monkeypatch, decoder, indices, expected):
    monkeypatch.setattr(readers, "is_usable", lambda name: True)
    path = str(write_video(tmp_path / "a.mp4", frames=30))
    for name in READERS:
        monkeypatch.setitem(READERS, name, lambda request, name=name: name)
    assert decoders.read(Request(path, np.array(indices), 64, 64), decoder) == expected


@pytest.mark.parametrize(("decoder", "remedy"), [("decord", r"pip install decord"),
                                                 ("torchcodec", r"vaer\[torchcodec\].*Debian: the package ffmpeg")])
def test_one_that_is_not_there_is_an_error_that_says_how_to_get_it(monkeypatch, decoder, remedy):
    monkeypatch.setattr(readers, "is_usable", lambda name: name == "pyav")
    with pytest.raises(UserError, match=rf"--data.decoder {decoder}: is not usable here; .*{remedy}"):
        decoders.chosen(decoder)


OPEN = "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("name", "codec", "options"), [
    ("open.mp4", "libx264", {"x264-params": OPEN}),
    ("refresh.mkv", "libx264", {"x264-params": "intra-refresh=1:keyint=12"}),
    ("part2.mp4", "mpeg4", {"g": "12", "bf": "2"}), ("codes.avi", "libx264", {"g": "12"}),
    ("codes.ts", "libx264", {"g": "12"}), ("codes.mpg", "mpeg1video", {"g": "12", "bf": "2"}),
    ("codes.webm", "libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"})])
def test_every_decoder_gives_the_picture_asked_for_where_some_jump_wrong(tmp_path, decoder, name, codec, options):
    path = str(write_bar_codes(tmp_path / name, codec=codec, **options))
    assert probe(path).seekable == (name == "codes.webm")
    for indices in [np.arange(100), np.array([50]), np.array([13, 11, 99, 0]), np.arange(60, 75)]:
        assert bar_codes(decoders.read(Request(path, indices, 64, 48), decoder)) == indices.tolist()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("bf", ["0", "3"])
def test_pictures_that_an_edit_list_hides_do_not_count(tmp_path, decoder, bf):
    path = str(write_bar_codes(tmp_path / "cut.mp4", frames=60, hidden=5, g="12", bf=bf))
    assert not probe(path).seekable
    assert bar_codes(decoders.read(Request(path, np.array([0, 1, 20, 54]), 64, 48), decoder)) == [5, 6, 25, 59]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("folder", ["ravdess_original", "grid", "cremad_video"])
def test_real_pictures_are_the_same(decoder, folder):
    for path in sorted(shared(folder).rglob("*.*"))[:2]:
        indices = np.linspace(0, len(probe(str(path)).frame_times) - 1, 8).round().astype(int)
        request = Request(str(path), indices, 398, 224)
        difference = np.abs(decoders.read(request, decoder).astype(int) - READERS["pyav"](request))
        assert difference.mean() <= 2


def test_pyav_reads_what_the_chosen_one_refuses(tmp_path, monkeypatch):
    def refusing(request):
        raise RefusedError("no\nmatter why")

    path = str(write_video(tmp_path / "a.mp4", frames=10))
    monkeypatch.setitem(READERS, "decord", refusing)
    monkeypatch.setattr(decoders, "chosen", lambda *_: "decord")
    assert decoders.read(Request(path, np.array([3, 4]), 64, 64)).shape == (2, 64, 64, 3)
    with pytest.raises(MediaError, match=r"the GPU does not decode it \(no\); convert it"):
        decoders.read(Request(path, np.array([3, 4]), 64, 64, "cuda"))


def test_a_main_process_trusts_only_what_decodes_to_its_end(tmp_path, monkeypatch):
    def never(request):
        raise AssertionError("asked")

    path = str(write_video(tmp_path / "a.mp4", frames=10))
    monkeypatch.setitem(READERS, "decord", never)
    monkeypatch.setattr(decoders, "chosen", lambda *_: "decord")
    with pytest.raises(AssertionError, match="asked"):
        decoders.read(Request(path, np.array([3]), 64, 64))
    monkeypatch.setattr(decoders, "_decodes_whole", lambda *_: False)
    assert decoders.read(Request(path, np.array([3]), 64, 64)).shape == (1, 64, 64, 3)


def spin(seconds):
    while time.process_time() < seconds:
        pass


def pause(seconds):
    """Stopped for a time, as by Ctrl-Z or with a suspended job."""
    waker = subprocess.Popen(["sh", "-c", f"kill -STOP {os.getpid()}; sleep {seconds}; kill -CONT {os.getpid()}"])
    waker.wait()


def under_alarm(work, seconds, limit_s):
    with decoders._alarm(limit_s):
        work(seconds)


@pytest.mark.parametrize(("work", "seconds", "limit_s", "status"), [
    (spin, 60, 0.2, -signal.SIGPROF), (time.sleep, 60, 0.1, -signal.SIGALRM), (spin, 0.2, 1.0, 0),
    (time.sleep, 1.0, 0.5, 0), (pause, 1.0, 0.5, 0)])
def test_the_alarm_counts_processor_time_and_waiting_has_a_limit_of_its_own(work, seconds, limit_s, status):
    process = multiprocessing.get_context("fork").Process(target=under_alarm, args=(work, seconds, limit_s))
    process.start()
    process.join(20)
    assert process.exitcode == status


@pytest.mark.parametrize(("last", "limit_s"), [(0, 30.0), (1499, 30.0), (14_999, 300.0)])
def test_the_alarm_grows_with_what_is_to_be_decoded(monkeypatch, last, limit_s):
    limits = []
    facts = probe(str(shared("faults") / "plain_h264.mp4"))._replace(width=1280, height=720, seekable=True)
    monkeypatch.setattr(decoders, "probe", lambda path: facts)
    monkeypatch.setattr(decoders, "chosen", lambda *_: "decord")
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "somebody")
    monkeypatch.setattr(decoders, "_alarm", lambda seconds: limits.append(seconds) or contextlib.nullcontext())
    monkeypatch.setitem(READERS, "decord", lambda request: request)
    decoders.read(Request("a.mp4", np.array([last]), 64, 64))
    assert limits == [pytest.approx(limit_s)]
