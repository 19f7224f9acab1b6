import numpy as np
from matplotlib.image import imread

from vaer.evaluation.metrics import score
from vaer.evaluation.pictures import draw_confusion


def test_a_confusion_is_dark_where_the_clips_are(tmp_path):
    metrics = score(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 2]))
    draw_confusion(metrics, ("a", "b", "c"), tmp_path / "confusion.png", title="run")
    picture = imread(tmp_path / "confusion.png")
    height, width = picture.shape[:2]
    assert height > 200
    assert width > 200
    dark = (picture[..., :3].mean(axis=2) < 0.45).mean()
    assert 0.03 < dark < 0.5  # the diagonal, and some ink
