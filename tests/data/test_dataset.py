import os

import numpy as np
import pytest
from makers import make_item, tone, write_video, write_wav

from vaer.config import AugmentConfig, DataConfig
from vaer.data.dataset import EvaluationClips, Modalities, TrainingClips, span, speaker_places

CLASSES = ("sad", "happy")


@pytest.fixture(scope="module")
def item(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    return make_item(write_video(path, frames=20, sound=tone(2.0, 48_000)[None]))


def training(item, dropout=0.0, seed=0, **data):
    config = DataConfig(num_frames=8, size=32, **data)
    return TrainingClips([item], CLASSES, config=config, wanted=Modalities(), seed=seed, modality_dropout=dropout)


def test_a_clip_is_drawn_from_seed_epoch_and_index_alone(item):
    augment = AugmentConfig(zoom=1.3, brightness=0.3, speed=0.1, gain_db=6, noise_db=-20)
    clips = training(item, window_s=1.0, augment=augment)
    first, again = clips[3, 0], training(item, window_s=1.0, augment=augment)[3, 0]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.waveform, clips[4, 0].waveform)
    assert not np.array_equal(first.waveform, training(item, window_s=1.0, augment=augment, seed=1)[3, 0].waveform)
    assert (first.label, first.index, first.speaker) == (1, 0, 0)
    assert first.frames.shape == (8, 32, 32, 3)


def test_modality_dropout_takes_one_of_two_evenly(item):
    clips = [training(item, dropout=0.5)[epoch, 0] for epoch in range(60)]
    lost_video = sum(clip.frames is None for clip in clips)
    lost_audio = sum(clip.waveform is None for clip in clips)
    assert not any(clip.frames is None and clip.waveform is None for clip in clips)
    assert 6 <= lost_video <= 25  # 15 expected
    assert 6 <= lost_audio <= 25


def test_a_share_is_drawn_last_from_seed_epoch_and_index(item):
    def mixed(seed):
        return TrainingClips([item], CLASSES, config=DataConfig(num_frames=8, size=32), wanted=Modalities(), seed=seed,
                             mixup=0.4)

    clip, plain = mixed(0)[3, 0], training(item)[3, 0]
    assert plain.share is None
    assert 0.5 <= clip.share <= 1
    assert mixed(0)[3, 0].share == clip.share
    assert clip.share not in (mixed(0)[4, 0].share, mixed(1)[3, 0].share)
    np.testing.assert_array_equal(clip.frames, plain.frames)
    np.testing.assert_array_equal(clip.waveform, plain.waveform)


def test_modality_dropout_leaves_the_only_modality(tmp_path):
    item = make_item(write_wav(tmp_path / "a.wav", tone(1.0)))
    assert training(item, dropout=1.0)[0, 0].waveform is not None


def test_evaluation_repeats_itself_and_sees_what_is_wanted(item):
    config = DataConfig(num_frames=8, size=32, window_s=1.0)
    clips = EvaluationClips([item], CLASSES, config=config, wanted=Modalities(video=False), views=2)
    np.testing.assert_array_equal(clips[0, 0].waveform, clips[0, 0].waveform)
    assert clips[0, 0].frames is None
    assert len(clips[1, 0].waveform) == 16_000


def test_speakers_have_their_places_in_sorted_order(item):
    items = [item._replace(speaker=speaker) for speaker in ("12", "03", "12", "07")]
    assert speaker_places(items).tolist() == [2, 0, 2, 1]
    clips = EvaluationClips(items, CLASSES, config=DataConfig(num_frames=8, size=32), wanted=Modalities(video=False))
    assert [clips[0, index].speaker for index in range(4)] == [2, 0, 2, 1]


def test_trimming_keeps_windows_within_the_sound(tmp_path):
    sound = np.concatenate([np.zeros(16_000), tone(1.0), np.zeros(16_000)])
    item = make_item(write_wav(tmp_path / "a.wav", sound))
    assert span(item, DataConfig(trim_db=40)) == pytest.approx((1.0, 2.0), abs=0.021)
    assert span(item, DataConfig()) == pytest.approx((0.0, 3.0))
    assert span(item._replace(duration_s=2.5), DataConfig()) == (0.0, 2.5)  # a corpus may know it already


@pytest.mark.parametrize("split", ["training", "evaluation"])
def test_a_clip_asks_the_disk_once_for_each_of_its_files(tmp_path, monkeypatch, split):
    """Its size and date: on a file system of a network each question is a journey."""
    stat, sound = os.stat, tone(2.0, 48_000)[None]
    video, voice = write_video(tmp_path / "a.mp4", frames=20, sound=sound), write_wav(tmp_path / "v.wav", tone(2.0))
    for item, files in ((make_item(video), [video]), (make_item(video, audio_path=str(voice)), [video, voice])):
        config, wanted = DataConfig(num_frames=8, size=32, trim_db=40.0), Modalities()
        clips, key = TrainingClips([item], CLASSES, config=config, wanted=wanted, seed=0), (0, 0)
        if split == "evaluation":
            clips = EvaluationClips([item], CLASSES, config=config, wanted=wanted)
        for _ in range(2):  # what is known of the files is kept, the question stays
            with monkeypatch.context() as patch:
                asked = []
                patch.setattr(os, "stat", lambda path, *rest, _asked=asked, **more: _asked.append(str(path)) or stat(
                    path, *rest, **more))
                assert clips[key].frames is not None
            assert sorted(path for path in asked if path.startswith(str(tmp_path))) == sorted(map(str, files))
