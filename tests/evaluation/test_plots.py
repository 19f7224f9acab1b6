import pytest

from vaer.evaluation.plots import draw_confusion, draw_speakers

FACTS = {"modality": "both", "classes": ["a", "b", "c"], "confusion": [[3, 1, 0], [0, 4, 0], [0, 0, 0]],
         "uar": 0.875, "war": 0.875, "clips": 8, "leaks": [], "adaptation": "", "remark": "",
         "intervals": {"uar": [0.7, 0.95]},
         "per_speaker": {"1": {"uar": 0.5, "war": 0.5, "clips": 4}, "2": {"uar": 1.0, "war": 1.0, "clips": 4}}}


@pytest.mark.parametrize("draw", [draw_confusion, draw_speakers])
@pytest.mark.parametrize("facts", [FACTS, FACTS | {"intervals": None, "leaks": ["speakers 1"]}])
def test_a_picture_is_written(tmp_path, draw, facts):
    draw(facts, tmp_path / "picture.png", "run")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
