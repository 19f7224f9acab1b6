import dataclasses

import av
import numpy as np
import pytest
import torch
from makers import make_item, make_recipe, tone, write_run, write_video
from PIL import Image

from vaer.config import DataConfig
from vaer.data.collate import collate
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.windows import evaluation_window
from vaer.errors import MediaError, UserError
from vaer.inference import file_windows as recording_module
from vaer.inference.predictor import load
from vaer.media.media import decode
from vaer.prepare.faces import Face

PREPARATION = {"margin": 0.25, "size": 224, "fps": None, "silence_db": -70.0}
KINDS = ("probabilities", "video", "audio")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def film(path, seconds=2.0, **other):
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, round(seconds * 48_000)))
    fps = 10 if seconds <= 3 else 3  # makers tell 32 frames apart
    return write_video(path, fps=fps, frames=round(fps * seconds), sound=waveform, **other)


def asked(network, clips):
    """The raw probabilities and those of each modality of clips, (clips, 3, classes)."""
    batch = collate(clips, num_frames=8, size=32, wanted=Modalities())
    with torch.inference_mode():
        output = network(batch)
    return torch.stack([logits.softmax(1) for logits in (output.logits, output.video_logits, output.audio_logits)], 1)


def answered(windows):
    return np.array([[list(window[kind].values()) for kind in KINDS] for window in windows])


@pytest.mark.parametrize("recipe", [
    make_recipe(), make_recipe(clip=dataclasses.replace(make_recipe().clip, trim_db=30.0)),
    make_recipe(clip=dataclasses.replace(make_recipe().clip, window_s=1.0), views=3)],
    ids=["whole", "trimmed", "views"])
def test_a_clip_is_answered_as_evaluation_answers_it(tmp_path, recipe):
    run = write_run(tmp_path / "run", recipe)
    waveform = np.concatenate([np.zeros(14_400), tone(1.2, 48_000), np.zeros(24_000)])
    path = write_video(tmp_path / "a.mp4", frames=20, sound=waveform[None])
    predictor = load(run, device="cpu")
    config = DataConfig(**dataclasses.asdict(recipe.clip), num_workers=0, decoder="pyav")
    clips = EvaluationClips([make_item(path)], ("happy",), config=config, wanted=Modalities(), views=recipe.views)
    expected = asked(predictor.trained.network, [clips[view, 0] for view in range(recipe.views)])
    timeline = predictor(path)
    np.testing.assert_allclose(answered(timeline.windows), expected, atol=1e-5)
    np.testing.assert_allclose(list(timeline.mean["probabilities"].values()), expected[:, 0].mean(0), atol=1e-5)
    assert timeline.prediction == predictor.classes[int(expected[:, 0].mean(0).argmax())]
    assert len(timeline.windows) == recipe.views


def test_windows_of_a_long_film_are_those_that_are_given_by_hand(run, tmp_path):
    predictor = load(run, device="cpu", step_s=0.75)
    path = film(tmp_path / "a.mp4", 7.0)
    windows = predictor(path).windows
    starts = [window["start_s"] for window in windows]
    assert starts == [0.0, 0.75, 1.5, 2.25, 3.0, 3.75, 4.5, 5.0]
    item, clip = make_item(path), make_recipe().clip
    clips = [decode(item, evaluation_window((start_s, start_s + 2.0), clip, 0, 1), size=32, decoder="pyav")
             for start_s in starts]
    np.testing.assert_allclose(answered(windows), asked(predictor.trained.network, clips), atol=1e-5)


def test_batches_change_no_answer(run, tmp_path):
    path = film(tmp_path / "a.mp4", 7.0)
    small, large = (load(run, device="cpu", batch_size=size)(path) for size in (1, 5))
    np.testing.assert_allclose(answered(small.windows), answered(large.windows), atol=1e-5)


def test_a_turned_film_is_answered_upright(run, tmp_path):
    predictor = load(run, device="cpu")
    path = film(tmp_path / "a.mp4", turn=90, size=(48, 64))
    timeline = predictor(path)
    [clip] = [decode(make_item(path), evaluation_window((0.0, 2.0), make_recipe().clip, 0, 1), size=32, decoder="pyav")]
    np.testing.assert_allclose(answered(timeline.windows), asked(predictor.trained.network, [clip]), atol=1e-5)
    assert (timeline.content["recording"]["width"], timeline.content["recording"]["height"]) == (48, 64)


def test_several_files_come_one_after_the_other(run, tmp_path):
    paths = [film(tmp_path / f"{number}.mp4") for number in range(2)]
    predictor = load(run, device="cpu")
    timelines = predictor([*paths, tmp_path / "none.mp4"])
    assert next(timelines) == predictor(str(paths[0]))
    assert next(timelines).content["recording"]["path"] == str(paths[1])
    with pytest.raises(MediaError, match=r"none.mp4: cannot be opened"):
        next(timelines)


def test_arrays_are_answered_like_the_file_that_they_came_from(run, tmp_path):
    path = film(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0])])
    predictor = load(run, device="cpu")
    times = np.arange(20) / 10
    by_rate, by_times = predictor(frames=frames, fps=10), predictor(frames=frames, frame_times=times)
    assert by_rate == by_times
    expected = predictor(path)
    np.testing.assert_allclose(list(by_rate.windows[0]["video"].values()),
                               list(expected.windows[0]["video"].values()), atol=2e-2)  # scaled from RGB, not from YUV
    alone = predictor(waveform=tone(2.0, 8000).astype(np.float32), sample_rate=8000)
    assert (alone.windows[0]["track"], alone.windows[0]["face"]) == ("voice", "no frames")
    with pytest.raises(UserError, match="both are absent"):
        predictor()
    with pytest.raises(UserError, match="not both"):
        predictor(path, frames=frames)


def test_a_prepared_clip_is_not_cropped_again(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", make_recipe(preparation=PREPARATION))
    monkeypatch.setattr(recording_module, "detect", lambda picture: [Face(10.0, 10.0, 50.0, 50.0, 1.0)])
    path = film(tmp_path / "faces" / "a.mp4")
    predictor = load(run, device="cpu")
    assert predictor(path).windows[0]["track"] == "face 1"
    for name in ("prepare.json", "manifest.csv"):
        (tmp_path / "faces" / name).touch()
    assert predictor(path).windows[0]["track"] == "scene"
    assert predictor(path).content["plan"]["preparation"] is None


def test_a_file_without_anything_to_answer_from_says_so(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", make_recipe(preparation=PREPARATION))
    monkeypatch.setattr(recording_module, "detect", lambda picture: [])
    timeline = load(run, device="cpu")(write_video(tmp_path / "a.mp4"))
    assert [(window["face"], window["voice"]) for window in timeline.windows] == [("no face", "no voice")]
    assert (timeline.prediction, timeline.mean["probabilities"]) == (None, None)


def test_an_answer_interrupted_at_ten_moments_goes_on_and_ends_the_same_byte_for_byte(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", make_recipe(preparation=PREPARATION))
    looked, asked_again = [], []

    def detect(picture):
        """A second face in the brighter half of the film."""
        looked.append(picture.mean())
        return [Face(10.0, 10.0, 40.0, 40.0, 1 / 3), Face(5.0, 40.0, 25.0, 60.0, 0.1)][:1 + (picture.mean() > 60)]

    monkeypatch.setattr(recording_module, "detect", detect)
    path = str(film(tmp_path / "a.mp4", 6.0))
    predictor = load(run, device="cpu", step_s=1.0, batch_size=4)
    whole = predictor.predict_file(path)
    assert {window["track"] for window in whole.windows} == {"face 1", "face 2", "voice"}
    count = len(whole.windows)
    assert count >= 10
    forward = predictor.trained.network.forward
    monkeypatch.setattr(predictor.trained.network, "forward",
                        lambda batch: asked_again.append(len(batch.ids)) or forward(batch))
    for at in np.linspace(0, count - 1, 10).astype(int):
        journal, done = tmp_path / f"{at}.jsonl", []

        def interrupt(end_s, done=done, at=at):
            done.append(end_s)
            if len(done) > at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            predictor.predict_file(path, journal=journal, progress=interrupt)
        kept = journal.read_text().count('{"row"')
        assert kept == (at + 1) // 4 * 4  # whole batches
        looked.clear()
        asked_again.clear()
        assert predictor.predict_file(path, journal=journal).to_json() == whole.to_json()
        assert sum(asked_again) == count - kept
        assert len(looked) < 18 or kept == 0  # of 18 frames


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_still_image_is_one_window_without_a_voice(run, tmp_path, name):
    path = str(tmp_path / name)
    pixels = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((80, 60)).save(path)
    predictor = load(str(run))
    timeline = predictor(path)
    [window] = timeline.windows
    assert (window["start_s"], window["end_s"], window["track"], window["voice"]) == (0.0, 0.04, "scene", "no voice")
    clip = decode(make_item(path), evaluation_window((0.0, 0.04), make_recipe().clip, 0, 1), size=32)
    [[fused, video, _]] = asked(predictor.trained.network, [clip]).tolist()
    np.testing.assert_allclose(list(window["probabilities"].values()), fused, atol=1e-5)
    np.testing.assert_allclose(list(window["video"].values()), video, atol=1e-5)
