import numpy as np
import pytest

from vaer.demo.voice import MANNERS, SAMPLE_RATE, Speech, Throat, loudness, make_speech, make_throat, speak


def level(sound, window_s=0.08):
    """Root mean square of windows side by side."""
    width = round(window_s * SAMPLE_RATE)
    return np.sqrt((sound[:len(sound) // width * width].reshape(-1, width).astype(float) ** 2).mean(axis=1))


def centroid_hz(sound):
    power = np.abs(np.fft.rfft(sound)) ** 2
    return (power * np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)).sum() / power.sum()


def pitch_hz(sound):
    """Pitch of a piece by the first of its strong echoes between 60 and 500 Hz."""
    spectrum = np.abs(np.fft.rfft(sound, 2 * len(sound))) ** 2
    echo = np.fft.irfft(spectrum)
    lags = np.arange(SAMPLE_RATE // 500, SAMPLE_RATE // 60)
    strong = lags[echo[lags] > 0.9 * echo[lags].max()]
    first = strong[strong < 1.5 * strong[0]]  # the lags around one echo
    return SAMPLE_RATE / first[echo[first].argmax()]


@pytest.fixture(scope="module")
def speech():
    return make_speech(2.0, np.random.default_rng(1))


@pytest.mark.parametrize("speaker", [1, 2, 3, 24])
def test_the_level_tells_nothing_of_the_manner(speech, speaker):
    levels = np.stack([level(speak(speech, make_throat(speaker), manner)) for manner in MANNERS.values()])
    assert np.corrcoef(levels).min() > 0.995
    loud = levels.min(axis=0) > 0.1 * levels.max()
    assert np.abs(20 * np.log10(levels / levels.mean(axis=0)))[:, loud].max() < 1.5  # dB


def test_the_level_follows_the_loudness(speech):
    power = loudness(speech, (np.arange(2000) + 0.5) / 1000).reshape(25, 80) ** 2  # 80 ms at a time
    heard = level(speak(speech, make_throat(1), MANNERS["rising"]))
    assert np.corrcoef(heard, np.sqrt(power.mean(axis=1)))[0, 1] > 0.99


@pytest.mark.parametrize("speaker", [1, 2])
def test_pitch_goes_where_the_manner_says(speaker):
    one = Speech(1.0, np.array([0.5]), np.array([0.6]), np.ones(1), np.zeros(1, int))  # one long vowel
    throat = make_throat(speaker)
    for name in ("level", "rising", "falling"):
        manner = MANNERS[name]._replace(breath=0.0)  # whose noise has no pitch
        sound = speak(one, throat, manner)
        for start_s in (0.2, 0.7):  # 0.1 s around 0.25 and 0.75: the pitch is geometric between its ends
            wanted = throat.pitch_hz * manner.start * (manner.end / manner.start) ** (start_s + 0.05)
            piece = sound[round(start_s * SAMPLE_RATE):round((start_s + 0.1) * SAMPLE_RATE)]
            assert pitch_hz(piece) == pytest.approx(wanted, rel=0.06)


def test_pressed_voices_are_brighter_than_soft_ones(speech):
    for speaker in (1, 2, 11, 12, 23, 24):
        throat = make_throat(speaker)
        tones = {name: centroid_hz(speak(speech, throat, manner)) for name, manner in MANNERS.items()}
        assert tones["rising"] > 2 * tones["level"]


def test_a_raised_slot_is_louder_and_higher():
    one = Speech(2.0, np.array([1.0]), np.array([1.2]), np.ones(1), np.zeros(1, int))
    throat = Throat(120.0, 1.0)
    plain = speak(one, throat, MANNERS["level"])
    raised = speak(one, throat, MANNERS["level"], raised_s=(0.5, 1.0))
    ratio_db = 20 * np.log10(level(raised) / level(plain))
    assert ratio_db[7:11] == pytest.approx(9, abs=0.5)  # 0.56 to 0.88 s, inside the ramps
    assert ratio_db[:5] == pytest.approx(0, abs=0.5)
    assert ratio_db[14:] == pytest.approx(0, abs=0.5)
    inside = slice(round(0.65 * SAMPLE_RATE), round(0.85 * SAMPLE_RATE))
    assert pitch_hz(raised[inside]) == pytest.approx(120 * 0.8 * 7 / 6, rel=0.03)


def test_sound_is_the_same_every_time_and_never_clips(speech):
    for manner in MANNERS.values():
        sound = speak(speech, make_throat(2), manner, raised_s=(0.5, 1.0))
        assert sound.shape == (2 * SAMPLE_RATE,)
        assert sound.dtype == np.float32
        assert np.abs(sound).max() < 1
        assert (sound == speak(speech, make_throat(2), manner, raised_s=(0.5, 1.0))).all()


def test_loudness_is_a_raised_cosine_a_syllable():
    speech = Speech(1.0, np.array([0.3, 0.7]), np.array([0.2, 0.2]), np.array([1.0, 0.5]), np.zeros(2, int))
    # middle, half way (cos 90 degrees = 0), edge, middle of the second, after the end
    assert loudness(speech, np.array([0.3, 0.4, 0.5, 0.7, 1.0])) == pytest.approx([1, 0.5, 0, 0.5, 0])


def test_even_syllables_are_equally_loud_and_fill_the_clip():
    speech = make_speech(2.4, np.random.default_rng(0), even=True)
    assert (speech.peaks == 1).all()
    assert (speech.middles_s - speech.halves_s).min() > 0.05
    assert (speech.middles_s + speech.halves_s).max() < 2.35
    assert (np.diff(speech.middles_s) > 0).all()


def test_throats_differ():
    throats = [make_throat(speaker) for speaker in range(1, 25)]
    assert len(set(throats)) == 24
    assert min(throat.pitch_hz for throat in throats[1::2]) > max(throat.pitch_hz for throat in throats[::2])
