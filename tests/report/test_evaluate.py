import pytest

from vaer.cli import main
from vaer.report.evaluate import arrange


def test_robustness_alone_means_all_of_it(tmp_path):
    folder = str(tmp_path)
    assert arrange([folder, "--robustness"]) == [folder, "--robustness", "all"]
    assert arrange(["--robustness", folder]) == ["--robustness", "all", folder]
    assert arrange(["--robustness", "--report", folder]) == ["--robustness", "all", "--report", folder]
    assert arrange(["--robustness", "noise,blur", folder]) == ["--robustness", "noise,blur", folder]
    assert arrange([]) == []


def test_a_wrong_degradation_is_said_before_anything_is_opened(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(tmp_path / "none"), "--robustness", "nois"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("vaer: --robustness 'nois' is unknown; choose from babble, blur, dropped_frames, jpeg, ")
    assert said.count("\n") == 1


def test_thumbnails_belong_to_a_report(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(tmp_path), "--thumbnails"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "vaer: --thumbnails: are frames in the page of --report; give both.\n"
