import pytest

from vaer.errors import UserError
from vaer.inference.inputs import find_inputs, run_and_files


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp4", "deep/b \u00e9.wav", "deep/c.MOV", "notes.md"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


def test_files_folders_patterns_and_lists_are_found(folder, tmp_path):
    everything = {str(folder / name): name for name in ("a.mp4", "deep/b \u00e9.wav", "deep/c.MOV")}
    assert find_inputs([str(folder)]) == everything
    assert find_inputs([str(folder), str(folder / "a.mp4")]) == everything  # once
    assert find_inputs([str(folder / "a.mp4")]) == {str(folder / "a.mp4"): "a.mp4"}
    assert find_inputs([str(folder / "deep" / "*.wav")]) == {str(folder / "deep/b \u00e9.wav"): "b \u00e9.wav"}
    (folder / "list.txt").write_text("# mine\na.mp4\n\ndeep/c.MOV\nmissing.mp4\n", encoding="utf-8")
    assert find_inputs([str(folder / "list.txt")]) == {
        str(folder / "a.mp4"): "a.mp4", str(folder / "deep/c.MOV"): "c.MOV", str(folder / "missing.mp4"): "missing.mp4"}


def test_what_stands_for_nothing_is_refused(folder, tmp_path):
    for name, pattern in (("none.mp4", ""), ("*.flv", ", and the pattern fits none")):
        with pytest.raises(UserError, match=f"there is no such file or folder{pattern}; correct the path"):
            find_inputs([str(folder / name)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no media file"):
        find_inputs([str(tmp_path / "empty")])
    (folder / "list.txt").write_text("\n")
    with pytest.raises(UserError, match="lists no file"):
        find_inputs([str(folder / "list.txt")])


def test_two_files_of_one_answer_are_refused(folder):
    (folder / "deep" / "a.mp4").touch()
    with pytest.raises(UserError, match=r"deep/a.mp4: would have the answer a.mp4, like .*in/a.mp4"):
        find_inputs([str(folder / "a.mp4"), str(folder / "deep" / "a.mp4")])
    assert len(find_inputs([str(folder)])) == 4


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A run, one without a network, one of folds, files, and folders of them; the current folder."""
    for name in ("runs/a/best/config.json", "runs/folds/fold0/best/config.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text('{"settings": {"model": {}}}')
    for name in ("runs/a/run.json", "runs/a/confusion.png", "runs/b/run.json", "runs/b/speakers.png", "a.mp4", "b.mp4",
                 "films/c.mp4", "films/run.json", "faces/d.png", "odd.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_text("a.mp4\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("named", "run"), [
    ("a.mp4", None), ("a.mp4 b.mp4", None), ("*.mp4 films", None), ("films", None), ("faces", None), ("list.txt", None),
    ("odd.dat", None), (".", None),
    ("runs/a a.mp4", "runs/a"), ("runs/a/best a.mp4", "runs/a/best"), ("runs/folds a.mp4", "runs/folds"),
    ("runs/b a.mp4", "runs/b"),  # which is opened, and says that it holds no network
    ("runs/a flim.mp4", "runs/a"),  # as ever, said by what reads the files
])
def test_the_first_name_is_a_run_s_or_the_starter_network_answers(place, named, run):
    words = named.split()
    assert run_and_files(words) == (run, words if run is None else words[1:])


@pytest.mark.parametrize(("named", "expected"), [
    ("runs/aa a.mp4", "^runs/aa: there is no such run, file or folder; correct the path"),
    ("flim.mp4", "^flim.mp4: there is no such run, file or folder"),
    ("*.flv a.mp4", r"^\*.flv: there is no such run, file or folder, and the pattern fits none; correct the path"),
    ("runs/folds", "^runs/folds: holds a network for each fold; name one of them, such as runs/folds/fold0, "),
    ("a.mp4 flim.mp4", "^flim.mp4: there is no such file or folder"),
    ("empty a.mp4", r"^empty: holds neither a trained network \(best/config.json and best/model.safetensors\) nor a"),
    ("empty", "^empty: holds neither a trained network"),
    ("a.mp4 empty", "^empty: holds no media file"),
    ("runs a.mp4", "^runs: holds the run runs/a and neither audio nor video; name a run first, and then the files: "),
    ("runs", "^runs: holds the run runs/a"),
    ("a.mp4 runs/a", "^runs/a: is a run and neither audio nor video"),
    ("runs/a", "^runs/a: is a network, and no file is named that it should answer; add one, as in vaer predict runs/a"),
    ("runs/a/best/config.json a.mp4", "^runs/a/best/config.json: is a file of a run; name its folder, runs/a/best, "),
])
def test_a_name_that_is_neither_is_a_sentence(place, named, expected):
    with pytest.raises(UserError, match=expected):
        run_and_files(named.split())
