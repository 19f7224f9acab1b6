import json
import re
import subprocess
import sys

import pytest

from vaer.doctor import probes


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "accelerate", "av"])
def test_what_training_needs_answers(name, fresh_accelerator):
    assert re.fullmatch("\\S.*", getattr(probes, name)())


@pytest.mark.parametrize("name", ["torchaudio", "av"])
def test_what_training_needs_answers_in_a_process_of_its_own(name):
    command = [sys.executable, "-m", "vaer.doctor.probes", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == getattr(probes, name)()


def test_libraries_of_ffmpeg_are_told_by_folder():
    assert "libavcodec" in probes.av()
    assert probes.ffmpeg_libraries("no such folder") == "no FFmpeg library loaded"


def test_a_driver_without_the_library_is_an_error_with_its_name(monkeypatch):
    def absent(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(probes.ctypes, "CDLL", absent)
    with pytest.raises(OSError, match=r"libnvcuvid\.so\.1"):
        probes.nvdec()
