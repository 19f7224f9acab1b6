import pytest

from vaer.errors import UserError
from vaer.inference.inputs import find_inputs


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
    for name in ("none.mp4", "*.flv"):
        with pytest.raises(UserError, match="there is no such file or folder, and the pattern fits none"):
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
