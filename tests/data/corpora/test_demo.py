import json

import pytest
from makers import write_clips

from vaer.config import DataConfig
from vaer.data.corpora import demo
from vaer.errors import UserError

CONFIG = DataConfig(corpus="demo")


def write_corpus(root):
    """Three speakers, two labels."""
    write_clips(root, [f"Actor_{speaker}/01-01-0{label}-01-01-01-{speaker}.mp4" for speaker in ("01", "02", "10")
                       for label in (1, 2)])
    write(root, classes=["rest", "smile"], files=6)
    return {}


@pytest.fixture
def root(tmp_path):
    """Empty files with the names of two takes of one speaker and one take of another, three labels each."""
    names = [f"01-01-0{label}-01-01-0{take}-{speaker}" for label in (1, 2, 3)
             for speaker, take in (("02", 1), ("02", 2), ("11", 1))]
    for name in names:
        path = tmp_path / f"Actor_{name[-2:]}" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    write(tmp_path)
    return tmp_path


def write(root, **changes):
    settings = {"task": "moment", "classes": ["rest", "smile", "scowl"], "files": 9, "finished": True}
    (root / "demo.json").write_text(json.dumps(settings | changes))


def test_what_macos_leaves_is_no_clip(root):
    (root / "Actor_02/._01-01-01-01-01-01-02.mp4").touch()
    assert len(demo.scan(root, CONFIG)) == 9


def test_scan_reads_names(root):
    items = demo.scan(root, CONFIG)
    assert [item.id for item in items] == sorted(item.id for item in items)
    assert len(items) == 9
    item = items[-1]
    assert item.id == "01-01-03-01-01-02-02"
    assert item.path == item.audio_path == str(root / "Actor_02" / "01-01-03-01-01-02-02.mp4")
    assert (item.label, item.speaker, item.duration_s) == ("scowl", "2", None)
    assert item.attributes == {"intensity": "01", "statement": "01", "repetition": "2"}
    assert {item.speaker for item in items} == {"2", "11"}


def test_a_take_is_the_same_for_all_labels(root):
    items = demo.scan(root, CONFIG)
    takes = {take: [item.label for item in items if item.take == take] for take in {item.take for item in items}}
    assert len(takes) == 3
    assert all(sorted(found) == ["rest", "scowl", "smile"] for found in takes.values())


def test_labels_come_from_the_folder(root):
    assert demo.labels(root, CONFIG) == ("rest", "smile", "scowl")


@pytest.mark.parametrize("read", [demo.scan, demo.labels])
def test_a_missing_folder_names_the_command(tmp_path, read):
    with pytest.raises(UserError, match=r"there is no such folder; .*`vaer demo .*nowhere`"):
        read(tmp_path / "nowhere", CONFIG)
    with pytest.raises(UserError, match=r"demo\.json is missing.*`vaer demo "):
        read(tmp_path, CONFIG)


def test_an_unfinished_corpus_is_refused(root):
    write(root, finished=False)
    with pytest.raises(UserError, match=r"did not finish; go on with `vaer demo .* --task moment`"):
        demo.scan(root, CONFIG)


def test_a_lost_clip_is_counted(root):
    (root / "Actor_11" / "01-01-02-01-01-01-11.mp4").unlink()
    with pytest.raises(UserError, match=r"holds 8 clips where demo\.json speaks of 9"):
        demo.scan(root, CONFIG)


@pytest.mark.parametrize("name", ["01-01-04-01-01-01-11", "01-01-00-01-01-01-11", "01-01-01-01-01-01-02", "holiday"])
def test_a_stranger_is_named(root, name):
    (root / "Actor_11" / f"{name}.mp4").touch()
    with pytest.raises(UserError, match=f"{name}.mp4: is not named like a clip"):
        demo.scan(root, CONFIG)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"task": "emotion"}'])
def test_broken_settings_are_told(root, text):
    (root / "demo.json").write_text(text)
    with pytest.raises(UserError, match=r"demo\.json: cannot be read"):
        demo.scan(root, CONFIG)


def test_what_the_renderer_writes_is_read(tmp_path):
    from vaer.demo.render import render_corpus
    render_corpus(tmp_path, task="moment", speakers=1, takes=1, size=32, processes=1)
    items = demo.scan(tmp_path, CONFIG)
    assert len(items) == 32
    assert {item.label for item in items} == set(demo.labels(tmp_path, CONFIG))
