from vaer.inference.journal import Journal
from vaer.prepare.faces import Face


def test_what_was_written_is_there_again_and_a_half_line_is_not(tmp_path):
    path, header = tmp_path / "deep" / "a.jsonl", {"network": "x"}
    journal = Journal(path, header)
    faces = [(0, [Face(1.0, 2.5, 3.0, 4.0, 0.1 + 0.2)]), (1, [])]
    journal.write(faces, [{"window": 0, "p": 0.1}, {"window": 1, "p": None}])
    with path.open("a") as file:
        file.write('{"row": {"window": 2')  # the machine went down here
    again = Journal(path, header)
    assert again.rows == [{"window": 0, "p": 0.1}, {"window": 1, "p": None}]
    assert again.faces == dict(faces)
    again.write([], [{"window": 2}])
    assert [row["window"] for row in Journal(path, header).rows] == [0, 1, 2]


def test_lines_of_other_settings_are_forgotten(tmp_path):
    Journal(tmp_path / "a.jsonl", {"network": "x"}).write([], [{"window": 0}])
    assert Journal(tmp_path / "a.jsonl", {"network": "y"}).rows == []
    assert Journal(tmp_path / "a.jsonl", {"network": "x"}).rows == []
