import numpy as np
import pytest
import torch
from makers import make_batch, write_run

from vaer.inference.file_windows import WindowRow
from vaer.inference.forward import predict_rows, with_calibrated
from vaer.inference.network import open_network
from vaer.records import Clip


@pytest.fixture
def trained(tmp_path):
    return open_network(write_run(tmp_path), "cpu")


def make_rows(number=7):
    """Rows of both modalities, of one of them, and of none, in turn."""
    rng = np.random.default_rng(0)
    rows = []
    for place in range(number):
        frames = rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8) if place % 4 in (0, 1) else None
        waveform = rng.normal(0, 0.1, 8000 + 1000 * place).astype(np.float32) if place % 4 in (0, 2) else None
        times = None if frames is None else np.arange(8) / 8
        rows.append(WindowRow(Clip(frames, times, waveform), {"window": place}))
    return rows


def values(rows):
    return np.array([np.nan if row["probabilities"] is None else row["probabilities"]["class0"] for row in rows])


def test_what_is_absent_has_no_answer(trained):
    both, video, audio, neither = list(predict_rows(trained, make_rows(4), batch_size=4))
    assert all(both[name] is not None for name in ("probabilities", "calibrated", "video", "audio"))
    assert (video["audio"], audio["video"]) == (None, None)
    assert video["video"] is not None
    assert audio["audio"] is not None
    assert [neither[name] for name in ("window", "probabilities", "calibrated", "video", "audio")] == [3] + [None] * 4
    assert sum(both["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_batches_change_no_answer(trained):
    alone, together = (list(predict_rows(trained, make_rows(), batch_size=size)) for size in (1, 16))
    np.testing.assert_allclose(values(alone), values(together), atol=1e-5)
    assert np.isnan(values(alone)).tolist() == [place % 4 == 3 for place in range(7)]


def test_whole_batches_that_are_known_are_not_asked_again(trained, monkeypatch):
    first = list(predict_rows(trained, make_rows(), batch_size=3))
    asked = []
    forward = trained.network.forward
    monkeypatch.setattr(trained.network, "forward", lambda batch: asked.append(len(batch.ids)) or forward(batch))
    marked = [row | {"mark": True} for row in first[:3]]
    again = list(predict_rows(trained, make_rows(), batch_size=3, known=marked))
    assert asked == [2, 1]  # of the second batch one row is empty
    assert again[:3] == marked
    assert again[3:] == first[3:]


def test_without_a_temperature_nothing_is_calibrated():
    raw = {"probabilities": {"a": 0.8, "b": 0.2}}
    assert with_calibrated(raw, ("a", "b"), None)["calibrated"] is None
    assert with_calibrated(raw, ("a", "b"), 0.5)["calibrated"] == pytest.approx({"a": 16 / 17, "b": 1 / 17}, abs=1e-6)


def test_answers_are_those_of_the_network(trained):
    [row] = list(predict_rows(trained, make_rows(1), batch_size=8))
    clip = make_rows(1)[0].clip
    batch = make_batch([0.5])._replace(frames=torch.from_numpy(clip.frames)[None],
                                       frame_times=torch.arange(8)[None] / 8,
                                       waveform=torch.from_numpy(clip.waveform)[None])
    with torch.inference_mode():
        expected = trained.network(batch).logits.softmax(1)[0]
    np.testing.assert_allclose(list(row["probabilities"].values()), expected, atol=1e-6)
