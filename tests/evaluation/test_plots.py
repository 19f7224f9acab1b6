import pytest
from matplotlib.figure import Figure

from vaer.evaluation.plots import draw_confusion, draw_curve, draw_robustness, draw_speakers

FACTS = {"modality": "both", "classes": ["a", "b", "c"], "confusion": [[3, 1, 0], [0, 4, 0], [0, 0, 0]],
         "uar": 0.875, "war": 0.875, "clips": 8, "leaks": [], "adaptation": "", "remark": "",
         "intervals": {"uar": [0.7, 0.95]},
         "per_speaker": {"1": {"uar": 0.5, "war": 0.5, "clips": 4}, "2": {"uar": 1.0, "war": 1.0, "clips": 4}}}


@pytest.mark.parametrize("draw", [draw_confusion, draw_speakers])
@pytest.mark.parametrize("facts", [FACTS, FACTS | {"intervals": None, "leaks": ["speakers 1"]}])
def test_a_picture_is_written(tmp_path, draw, facts):
    draw(facts, tmp_path / "picture.png", "run")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def curves(*names, interval=(0.6, 0.9)):
    """What robustness.json holds of these degradations."""
    def point(strength, uar):
        return {"strength": strength, "uar": uar, "interval": interval and list(interval)}

    return {"clean": {"uar": 0.8, "interval": interval and list(interval)}, "chance": 0.125, "curves": {
        name: {"what": name, "unit": unit, "points": [point(strength, 0.1 * number)
                                                      for number, strength in enumerate(strengths)]}
        for name, unit, strengths in names}}


NOISE, SHIFT = ("noise", "SNR, dB", (10.0, 0.0, -10.0)), ("shift", "ms", (-200.0, 200.0))


@pytest.mark.parametrize("facts", [curves(NOISE), curves(NOISE, SHIFT, NOISE, SHIFT, interval=None)])
def test_curves_of_robustness_are_drawn_the_same_each_time(tmp_path, facts):
    draw_robustness(facts, tmp_path / "one.png", "run")
    draw_robustness(facts, tmp_path / "two.png", "run")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_an_axis_begins_with_clips_as_they_are_or_has_them_in_the_middle():
    facts, (noise, shift) = curves(NOISE, SHIFT), Figure().subplots(1, 2)
    for axes, curve in zip((noise, shift), facts["curves"].values(), strict=True):
        draw_curve(axes, curve, facts, ink="black", accent="blue", soft="grey")
    assert [text.get_text() for text in noise.get_xticklabels()] == ["as is", "10", "0", "-10"]
    assert [text.get_text() for text in shift.get_xticklabels()] == ["-200", "as is", "200"]
    assert noise.lines[-1].get_ydata().tolist() == pytest.approx([0.8, 0, 0.1, 0.2])
    assert shift.lines[-1].get_ydata().tolist() == pytest.approx([0, 0.8, 0.1])
