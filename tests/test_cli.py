import os
import subprocess
import sys

import numpy as np
import pytest
from makers import make_recipe, tone, write_run, write_wav
from PIL import Image
from starter_makers import NOTICE, install_starter, remove_starter

from vaer.cli import COMMANDS, main
from vaer.demo.face import draw, make_identity
from vaer.version import version


def fail(capsys, *arguments):
    """Status and the one sentence of a command that ends in an error."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    error = capsys.readouterr().err
    assert error.startswith("vaer: ")
    assert error.count("\n") == 1
    return caught.value.code, error


@pytest.mark.parametrize("command", [[], ["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_no_torch(command):
    code = ("import sys\nfrom vaer.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
            "    assert not end.code\nassert 'torch' not in sys.modules")
    shown = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "vaer" in shown.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_flag_has_a_sentence(name, capsys):
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    COMMANDS[name].fill(parser)
    silent = [action.dest for action in parser._actions
              if not action.help and action.option_strings != ["-h", "--help"]]
    assert silent == []


def test_the_list_of_commands_fits_80_columns(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == list(COMMANDS)


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out.strip() == version()


@pytest.mark.parametrize(("arguments", "expected"), [
    (["trane"], "there is no such command; choose from train, evaluate, demo"),
    (["train", "--data.foldd", "1"], "--data.foldd is no flag of this command; did you mean --data.fold?"),
    (["train", "--train.epoch", "3"], "--train.epoch is no flag of this command; did you mean --train.epochs?"),
    (["train", "--zzzzzz=1"], "--zzzzzz=1 is no flag of this command; see --help."),
    (["train", "--data.corpus", "imagenet"], "imagenet"),
    (["train", "--train.lr", "much"], "train.lr"),
    (["train", "--data.fold", "-1"], "--data.fold is -1; it must be at least 0."),
    (["train", "--config", "no such.yaml"], "no such.yaml"),
    (["train", "--data.root", "no such folder", "--output", "no such run"], "no such folder"),
    (["demo", "setup.cfg/demo"], "setup.cfg/demo: Not a directory; look at that path"),
    (["demo", "no such demo", "--processes", "0"], "--processes is 0; it must be at least 1."),
    (["evaluate", "no such run"], "no such run"),
    (["evaluate"], "runs"),
    (["evaluate", "x", "--modality", "smell"], "smell"),
    (["evaluate", "x", "--corpus", "csv", "--label_map", "{joy: happy, boredom: null}"], "--corpus csv needs --root"),
])
def test_wrong_input_is_one_sentence_and_status_2(capsys, arguments, expected):
    status, sentence = fail(capsys, *arguments)
    assert status == 2
    assert expected in sentence


@pytest.mark.parametrize(("content", "expected"), [
    (b"train: 3\n", "A section of settings, such as train or model.video, has a single value; write settings"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "my.yaml: is a git-lfs pointer, not the file"),
    (b"output: caf\xe9\n", "my.yaml: is not UTF-8 (invalid continuation byte at byte 11); save it again"),
])
def test_a_file_that_holds_no_settings_is_one_sentence(capsys, tmp_path, content, expected):
    (tmp_path / "my.yaml").write_bytes(content)
    status, sentence = fail(capsys, "train", "--config", str(tmp_path / "my.yaml"))
    assert status == 2
    assert expected in sentence


def test_an_unknown_key_in_a_file_gets_the_nearest_known_one(capsys, tmp_path):
    (tmp_path / "my.yaml").write_text("data:\n  num_frame: 16\n")
    status, sentence = fail(capsys, "train", "--config", str(tmp_path / "my.yaml"))
    assert status == 2
    assert "my.yaml: data.num_frame is no setting; did you mean data.num_frames?" in sentence


def test_print_config_shows_what_flags_and_file_make(capsys, tmp_path):
    (tmp_path / "my.yaml").write_text("data:\n  fold: 2\n  size: 64\n")
    with pytest.raises(SystemExit):
        main(["train", "--config", str(tmp_path / "my.yaml"), "--data.size", "96", "--print_config"])
    shown = capsys.readouterr().out
    assert "fold: 2" in shown
    assert "size: 96" in shown


def test_a_file_whose_name_begins_like_a_flag(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-a.wav").touch()
    with pytest.raises(SystemExit):
        main(["check", "-a.wav"])
    assert capsys.readouterr().err.endswith("-a.wav is taken for a flag, and there is a file of that name: write "
                                            "./-a.wav.\n")


@pytest.mark.parametrize("arguments", ["--help", "train --help all"])
def test_a_reader_who_stops_reading_is_no_error(arguments):
    """As in `vaer train --help all | head -0`; what was printed before stands in a buffer of Python's."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-c", "from vaer.cli import main; main()", *arguments.split()]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_broken_pipe_that_is_not_the_screen_stays_an_error(monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise BrokenPipeError("a worker is gone")

    monkeypatch.setitem(COMMANDS, "doctor", COMMANDS["doctor"]._replace(run=broken))
    with (tmp_path / "screen").open("w") as screen:
        monkeypatch.setattr(sys, "stdout", screen)
        with pytest.raises(BrokenPipeError, match="a worker is gone"):
            main(["doctor"])


@pytest.mark.parametrize(("arguments", "expected"), [
    (["run", "a.mp4", "--render", "csv", "png"], ["run", "a.mp4", "--render", "csv", "png"]),
    (["run", "--render", "csv", "a.mp4"], ["run", "a.mp4", "--render", "csv"]),
    (["run", "a.mp4", "--render", "csv", "b *.mp4", "vtt", "--out", "x"],
     ["run", "a.mp4", "b *.mp4", "--render", "csv", "vtt", "--out", "x"]),
    (["run", "--render", "csv", "flim.mp4"], ["run", "--render", "csv", "flim.mp4"]),  # is said to be no rendering
    (["run", "--render"], ["run", "--render"]),
    (["run", "a.mp4"], ["run", "a.mp4"]),
    (["run", "--out", "a.mp4", "b 1.mp4"], ["run", "b 1.mp4", "--out", "a.mp4"]),
    (["--out=x", "run", "--step_s", "-1", "a.mp4"], ["run", "a.mp4", "--out=x", "--step_s", "-1"]),
    (["--device", "cpu", "run", "--render=csv", "a.mp4"], ["run", "a.mp4", "--device", "cpu", "--render=csv"]),
    (["run", "--out", "x", "--", "-a.mp4", "--b.mp4", "c"], ["run", "./-a.mp4", "./--b.mp4", "c", "--out", "x"]),
    (["run", "a.mp4", "--out"], ["run", "a.mp4", "--out"]),
])
def test_files_after_flags_are_files(arguments, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b 1.mp4", "csv"):  # a file called like a rendering is written ./csv
        (tmp_path / name).touch()
    assert COMMANDS["predict"].arrange(arguments) == expected


def test_a_file_after_renderings_is_answered(tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "run")
    write_wav(tmp_path / "a.wav", tone(1.0))
    main(["predict", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--render", "csv", str(tmp_path / "a.wav")])
    assert {path.name for path in (tmp_path / "out").glob("a.*")} == {"a.wav.json", "a.wav.csv"}
    assert "a.wav: " in capsys.readouterr().out
    assert fail(capsys, "predict", str(tmp_path / "run"), "--render", "csv", "flim.mp4")[0] == 2


def test_files_alone_are_answered_by_the_starter_network_with_its_licence(tmp_path, monkeypatch, capsys):
    install_starter(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(1.0))
    main(["predict", "--render", "csv", "a.wav", "b.wav"])
    shown = capsys.readouterr()
    assert [line.split(":")[0] for line in shown.out.splitlines()] == ["a.wav", "b.wav"]
    assert shown.err.splitlines()[0] == f"starter: {NOTICE}"
    assert shown.err.count(NOTICE) == 1
    assert (tmp_path / "starter_timelines" / "b.wav.csv").is_file()
    write_run(tmp_path / "run", make_recipe(temperature=3.0), speaker_norm=True)  # another network
    main(["predict", "run", "a.wav"])
    assert (tmp_path / "timelines" / "a.wav.json").is_file()


def test_files_alone_without_the_starter_network_are_a_sentence(tmp_path, monkeypatch, capsys):
    remove_starter(monkeypatch)
    status, sentence = fail(capsys, "predict", str(write_wav(tmp_path / "a.wav", tone(1.0))))
    assert status == 2
    assert "vaer_starter: the starter network, which answers where no run is named, is not installed" in sentence
    assert "no such run, file or folder" in fail(capsys, "predict", str(tmp_path / "runs"), "a.wav")[1]


def test_a_face_in_a_still_image_is_answered(tmp_path, capsys):
    """Drawn faces, which the detector finds, and a wall."""
    preparation = {"margin": 0.25, "size": 224, "fps": None, "silence_db": -70.0}
    write_run(tmp_path / "run", make_recipe(preparation=preparation))
    for name in ("face.png", "face.jpg", "face.webp"):
        Image.fromarray(draw(make_identity(1), np.zeros(17), size=192)).save(tmp_path / name)
    Image.new("RGB", (96, 96), (120, 120, 120)).save(tmp_path / "wall.png")
    files = [str(tmp_path / name) for name in ("face.png", "face.jpg", "face.webp", "wall.png")]
    main(["predict", str(tmp_path / "run"), *files, "--out", str(tmp_path / "out")])
    *faces, wall = capsys.readouterr().out.splitlines()
    assert [line.split("(")[1] for line in faces] == ["0.0 s, 1 shot, 1 face)"] * 3
    assert wall == f"{tmp_path}/wall.png: nothing to answer from (0.0 s, 1 shot, voice)"
