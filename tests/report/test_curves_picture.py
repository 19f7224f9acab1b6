import pytest
from matplotlib import colors

from vaer.report.curves import MOST, Band
from vaer.report.curves_picture import COLOURS, MARKS, save_curves, training_of
from vaer.runs.folder import RunFolder
from vaer.runs.log import Log


def band(*epochs):
    return Band("x", [Log(RunFolder("x"), list(epochs), [])], None)


def test_bands_differ_in_colour_and_in_mark():
    assert len(set(COLOURS)) == len(set(MARKS)) == MOST
    assert all(colors.is_color_like(colour) for colour in COLOURS)


def test_older_runs_show_their_loss_as_training():
    assert training_of(band({"epoch": 1, "loss": 1.0}), "") == "loss"
    assert training_of(band({"epoch": 1, "loss": 1.0, "nll": 2.0}), "") == "nll"
    assert training_of(band({"epoch": 1, "loss": 1.0, "nll_video": 2.0}), "_video") == "nll_video"


@pytest.mark.parametrize("epochs", [[{"epoch": 1, "nll": 1.0, "uar": 0.5}],
                                    [{"epoch": 1, "lr": 0.1, "grad_norm": 0.0}, {"epoch": 2, "grad_norm": 3.0}]])
def test_whatever_a_run_tells_is_drawn(tmp_path, epochs):
    save_curves([band(*epochs)], [tmp_path / "one.png"])
    assert (tmp_path / "one.png").stat().st_size > 5_000
