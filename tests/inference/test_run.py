import json
import shutil

import numpy as np
import pytest
from makers import tone, write_run, write_video, write_wav

from vaer.errors import RunError, UserError
from vaer.inference.predictor import Predictor, load
from vaer.inference.run import line_of, predict_files


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture
def folder(tmp_path):
    write_video(tmp_path / "in" / "a \u00e9.mp4", sound=tone(2.0, 48_000)[None])
    write_wav(tmp_path / "in" / "deep" / "b.wav", tone(1.0))
    return tmp_path / "in"


def test_every_file_has_its_answer_and_is_answered_once(run, folder, tmp_path, capsys, monkeypatch):
    predictor = load(run, device="cpu")
    predict_files(predictor, [str(folder)], tmp_path / "out", renderings=["csv", "srt", "png"])
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names == {"predict.json"} | {f"{name}.{ending}" for name in ("a \u00e9.mp4", "deep/b.wav")
                                        for ending in ("json", "csv", "srt", "png")}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(folder / "a \u00e9.mp4"), str(folder / "deep" / "b.wav")]
    assert "(2.0 s, 1 shot, scene)" in lines[0]
    assert "(1.0 s, 1 shot, voice)" in lines[1]
    asked = []
    monkeypatch.setattr(Predictor, "predict_file", lambda *arguments, **options: asked.append(arguments))
    predict_files(predictor, [str(folder)], tmp_path / "out")
    assert asked == []
    assert capsys.readouterr().out.splitlines() == lines


def test_bad_files_do_not_stop_the_others(run, folder, tmp_path, capsys):
    whole = (folder / "a \u00e9.mp4").read_bytes()
    for number in range(3):
        (folder / f"cut{number}.mp4").write_bytes(whole[:len(whole) // (number + 2)])
    (folder / "empty.wav").touch()
    (folder / "z.wav").write_bytes((folder / "deep" / "b.wav").read_bytes())
    with pytest.raises(RunError, match=r"out: 4 of 7 files could not be answered, named above"):
        predict_files(load(run, device="cpu"), [str(folder)], tmp_path / "out")
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    for name in ("cut0", "cut1", "cut2", "empty"):
        assert f"{folder / name}" in said.err
    assert (tmp_path / "out" / "z.wav.json").is_file()


def test_a_folder_of_another_network_or_step_is_refused(run, folder, tmp_path):
    predict_files(load(run, device="cpu"), [str(folder)], tmp_path / "out")
    with pytest.raises(UserError, match=r"out: holds the answers of a network with other settings: step_s 1.0"):
        predict_files(load(run, device="cpu", step_s=0.5), [str(folder)], tmp_path / "out")
    other = write_run(tmp_path / "other", speaker_norm=True)
    with pytest.raises(UserError, match=r"with other settings: network"):
        predict_files(load(other, device="cpu"), [str(folder)], tmp_path / "out")
    with pytest.raises(UserError, match=r"--render 'doc' is unknown"):
        predict_files(load(run, device="cpu"), [str(folder)], tmp_path / "out2", renderings=["doc"])
    assert not (tmp_path / "out2").exists()


def test_a_file_that_changed_is_answered_anew(run, folder, tmp_path):
    predict_files(load(run, device="cpu"), [str(folder)], tmp_path / "out")
    before = json.loads((tmp_path / "out" / "deep" / "b.wav.json").read_text())
    write_wav(folder / "deep" / "b.wav", np.random.default_rng(0).normal(0, 0.1, 24_000))
    predict_files(load(run, device="cpu"), [str(folder)], tmp_path / "out")
    after = json.loads((tmp_path / "out" / "deep" / "b.wav.json").read_text())
    assert (before["recording"]["duration_s"], after["recording"]["duration_s"]) == (1.0, 1.5)


def test_what_was_left_of_an_interruption_is_removed(run, folder, tmp_path, monkeypatch):
    predictor = load(run, device="cpu")
    predict_file = Predictor.predict_file

    def interrupted(self, path, *, journal, progress):
        predict_file(self, path, journal=journal, progress=progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_files(predictor, [str(folder)], tmp_path / "out")
    assert list((tmp_path / "out").glob(".*.jsonl"))
    monkeypatch.setattr(Predictor, "predict_file", predict_file)
    predict_files(predictor, [str(folder)], tmp_path / "out")
    assert not list((tmp_path / "out").rglob(".*"))


def test_nothing_to_answer_from_is_said(run, folder, tmp_path):
    shutil.rmtree(folder)
    timeline = load(run, device="cpu")(write_video(tmp_path / "a.mp4"))
    timeline.mean["probabilities"] = None
    assert line_of("a.mp4", timeline).startswith("a.mp4: nothing to answer from (2.0 s, 1 shot, scene)")
