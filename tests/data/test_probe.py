import numpy as np
import pytest
from makers import shared, tone, write_video

from vaer.data.probe import probe
from vaer.errors import MediaError


def test_probe_counts_pictures_and_sound(tmp_path):
    path = write_video(tmp_path / "a b \u00e9.mp4", fps=10, frames=20, sound=tone(2.0, 48_000)[None])
    facts = probe(str(path))
    assert facts.duration_s == pytest.approx(2.0, abs=0.05)
    np.testing.assert_allclose(facts.frame_times, np.arange(20) / 10, atol=1e-3)
    assert (facts.width, facts.height, facts.has_sound) == (64, 64, True)


def test_probe_is_asked_again_when_the_file_changes(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=10)
    assert len(probe(str(path)).frame_times) == 10
    write_video(path, frames=20)
    assert len(probe(str(path)).frame_times) == 20


def test_a_missing_file_is_named():
    with pytest.raises(MediaError, match=r"nowhere\.mp4: cannot be opened"):
        probe("nowhere.mp4")


def test_every_real_recording_is_whole():
    """No file of three corpora is taken for one that was cut off."""
    for folder, pattern in (("ravdess_original", "*/*.mp4"), ("ravdess_facecrop", "*/*.mp4"), ("cremad_video", "*"),
                            ("grid", "*"), ("emodb", "audio/*.opus")):
        for path in sorted(shared(folder).glob(pattern))[:60]:
            assert probe(str(path)).duration_s > 0.5
