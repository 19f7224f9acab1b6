import builtins
import sys

import numpy as np
import pytest
from makers import DECODERS, bar_codes, shared, write_bar_codes

from vaer.config import DataConfig
from vaer.errors import MediaError
from vaer.media import readers
from vaer.media.probe import probe
from vaer.media.readers import PACKAGES, READERS, RefusedError, Request


def test_settings_name_every_reader():
    choices = DataConfig.__dataclass_fields__["decoder"].type.__args__
    assert choices == ("auto", *READERS)
    assert list(PACKAGES) == list(READERS)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("ending", ["mp4", "mkv", "flv"])
@pytest.mark.parametrize("options", [{"g": "12", "bf": "3"}, {"g": "12", "bf": "0"}, {"g": "250"}, {"g": "1"}],
                         ids=["b-frames", "no-b-frames", "one-key", "all-keys"])
def test_the_picture_asked_for(tmp_path, decoder, ending, options):
    """In any order, more than once, and from the middle: wherever a jump begins the right frame comes."""
    path = str(write_bar_codes(tmp_path / f"codes.{ending}", **options))
    rng = np.random.default_rng(0)
    for indices in [range(100), [50], [13, 11, 99, 0, 0], *np.sort(rng.integers(0, 100, (8, 6)))]:
        try:
            pictures = READERS[decoder](Request(path, np.asarray(indices), width=64, height=48))
        except RefusedError:  # torchcodec: some flv
            assert (decoder, ending) == ("torchcodec", "flv")
            continue
        assert pictures.shape == (len(indices), 48, 64, 3)
        assert pictures.dtype == np.uint8
        assert bar_codes(pictures) == list(indices)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("folder", "pattern"), [
    ("ravdess_original", "*/*.mp4"), ("ravdess_facecrop", "*/*.mp4"), ("cremad_video", "*.flv")])
def test_real_pictures_are_those_of_pyav(decoder, folder, pattern):
    for path in sorted(shared(folder).glob(pattern))[:2]:
        facts = probe(str(path))
        indices = np.linspace(0, len(facts.frame_times) - 1, 8).round().astype(int)
        scale = 224 / facts.height
        request = Request(str(path), indices, round(facts.width * scale), 224)
        expected = READERS["pyav"](request).astype(int)
        try:
            pictures = READERS[decoder](request)
        except RefusedError:  # torchcodec cannot seek in the flv of CREMA-D
            assert (decoder, folder) == ("torchcodec", "cremad_video")
            continue
        difference = np.abs(pictures - expected).mean(axis=(1, 2, 3))
        assert difference.max() <= 2
        between = np.abs(np.diff(expected, axis=0)).mean(axis=(1, 2, 3))
        assert folder == "cremad_video" or between.min() > 0  # another frame would not be the same


@pytest.mark.parametrize("decoder", DECODERS[:2])
def test_another_count_is_refused(tmp_path, monkeypatch, decoder):
    path = str(write_bar_codes(tmp_path / "codes.mp4", frames=20))
    fewer = probe(path)._replace(frame_times=probe(path).frame_times[:-1])
    monkeypatch.setattr(readers, "probe", lambda _: fewer)
    with pytest.raises(RefusedError, match="20 frames where the packets are 19"):
        READERS[decoder](Request(path, np.array([0]), 64, 48))
    monkeypatch.setattr(readers, "probe", lambda _: fewer._replace(num_hidden_after=1))  # an edit list hides the last
    assert bar_codes(READERS[decoder](Request(path, np.array([7]), 64, 48))) == [7]


@pytest.mark.parametrize("decoder", DECODERS[:2])
def test_what_is_no_video_is_refused(tmp_path, decoder):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(RefusedError):
        READERS[decoder](Request(str(tmp_path / "a.mp4"), np.array([0]), 64, 48))


def test_pyav_names_the_picture_that_is_not_there(tmp_path):
    path = str(write_bar_codes(tmp_path / "codes.mp4", frames=20))
    with pytest.raises(MediaError, match="frame 25 of 20 does not decode"):
        READERS["pyav"](Request(path, np.array([3, 25]), 64, 48))


@pytest.mark.parametrize("error", [RuntimeError("Could not load libtorchcodec"), ImportError("libavutil.so.60")])
def test_torchcodec_without_ffmpeg_is_not_usable(monkeypatch, error):
    real = builtins.__import__

    def failing(name, *arguments, **others):
        if name.startswith("torchcodec"):
            raise error
        return real(name, *arguments, **others)

    monkeypatch.setattr(readers, "find_spec", lambda name: object())
    monkeypatch.delitem(sys.modules, "torchcodec.decoders", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing)
    assert not readers.is_usable("torchcodec")
    assert readers.is_usable("pyav")


def test_a_missing_library_is_not_usable(monkeypatch):
    monkeypatch.setattr(readers, "find_spec", lambda name: None)
    assert not any(readers.is_usable(name) for name in READERS)


def test_release_says_library_and_version():
    assert readers.release("pyav").startswith("av ")
