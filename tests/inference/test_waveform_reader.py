import numpy as np
import pytest
from makers import tone, write_wav

from vaer.inference import waveform_reader as module
from vaer.inference.waveform_reader import WaveformReader, is_silent, levels_of
from vaer.media.probe import probe
from vaer.media.waveforms import read_waveform


def test_the_sound_of_a_window_is_that_of_evaluation_in_long_files_too(tmp_path, monkeypatch):
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 7 * 16_000)
    path = str(write_wav(tmp_path / "a.wav", waveform))
    monkeypatch.setattr(module, "BLOCK_S", 2.0)  # of seven seconds: a long file
    audio = WaveformReader(path, probe(path), 1.5)
    for start_s in (0.0, 0.9, 1.8, 2.0, 3.7, 5.5):
        expected = read_waveform(path, start_s, start_s + 1.5)
        np.testing.assert_allclose(audio.read(start_s, start_s + 1.5), expected, atol=1e-6)
    assert len(audio.blocks) <= 3
    assert audio.read(7.0, 8.0) is None


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (1e-4, True), (1e-3, False), (0.5, False)])
def test_silence_is_what_preparation_calls_silent(level, silent):
    assert is_silent(tone(0.5, level=level).astype(np.float32)) is silent  # a sine of 1e-3 has -63 dB


def test_levels_are_the_peaks_of_equal_parts(tmp_path):
    waveform = np.concatenate([np.full(1600, 0.25), np.full(1600, 0.5), np.zeros(800)])
    path = str(write_wav(tmp_path / "a.wav", waveform))
    levels = levels_of(WaveformReader(path, probe(path), 1.0), probe(path).duration_s)
    assert levels["step_s"] == 0.05
    assert levels["peaks"] == pytest.approx([0.25, 0.25, 0.5, 0.5, 0.0], abs=2e-3)
    assert levels_of(None, 3.0) is None
