import pytest

from vaer.cli import USUAL, main
from vaer.short_help import asks_for_help


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--config", "configs/demo.yaml", "--help"]])
def test_the_help_of_train_fits_a_screen_or_two(capsys, arguments):
    main(["train", *arguments])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 80
    assert max(map(len, lines)) <= 80
    assert [line.strip() for line in lines if line.startswith("  --")] == [f"--{name}" for name in USUAL]
    assert "      Which fold of the protocol, from 0 (default: 0)" in lines
    assert any("one of cross_attention" in line.lower() for line in lines)
    assert any("`vaer train --help all` shows all" in line for line in lines)


@pytest.mark.parametrize("arguments", [["--help", "all"], ["--help_all"], ["--help-all"]])
def test_all_settings_are_shown_where_they_are_asked_for(capsys, arguments):
    main(["train", *arguments])
    shown = capsys.readouterr().out
    assert "--data.augment.noise_db" in shown
    assert "--print_config" in shown


def test_what_asks_for_help():
    assert asks_for_help(["a", "-h"])
    assert not asks_for_help(["all"])
