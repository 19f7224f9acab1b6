import pytest
from makers import shared, write_clips

from vaer.config import DataConfig
from vaer.data.corpora import name_of, read_corpus, table
from vaer.data.protocols import read_split
from vaer.errors import UserError

HEAD = "path,label,speaker"


def write_corpus(root):
    """Three speakers, two labels, in files of audio and of frames."""
    names = [f"{number}.{'wav' if number % 2 else 'mp4'}" for number in range(6)]
    rows = [f"{name},{('sad', 'happy')[number // 3]},{number % 3}" for number, name in enumerate(names)]
    write_clips(root, names)
    (root / "table.csv").write_text("\n".join([HEAD, *rows]))
    return {}


def write(root, *rows, head=HEAD, name="table.csv"):
    """A table, and a small file for each of its rows."""
    root.mkdir(exist_ok=True, parents=True)
    for row in rows:
        path = root / row.split(",")[0]
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(row)
    (root / name).write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return root / name


def config_of(root, **changes):
    return DataConfig(corpus="csv", root=str(root), **changes)


def scan(root, **changes):
    return table.scan(root, config_of(root, **changes))


def test_a_row_is_a_clip_and_further_columns_are_attributes(tmp_path):
    write(tmp_path, "a b/\u00e9.wav,sad,EB0,t1,1.5,x", "film.mp4,happy,03,t2,,",
          head=f"{HEAD},take,duration_s,text code")
    sound, film = scan(tmp_path)
    assert (sound.id, sound.label, sound.speaker, sound.take) == ("a b/\u00e9", "sad", "EB0", "t1")
    assert sound.path == sound.audio_path == str(tmp_path / "a b/\u00e9.wav")
    assert (sound.duration_s, film.duration_s) == (1.5, None)
    assert (sound.attributes, film.attributes) == ({"text code": "x"}, {"text code": ""})
    assert film.audio_path == film.path  # whether it has any is seen when it is opened


def test_speakers_need_not_be_known(tmp_path):
    write(tmp_path, "a.wav,sad", "b.wav,happy", head="path,label")
    (tmp_path / "sides.csv").write_text("id,side\na,train\nb,test\n")
    split = read_split(config_of(tmp_path, protocol=str(tmp_path / "sides.csv")))[1]
    assert [item.speaker for item in split.train + split.test] == ["", ""]
    assert split.verdict.startswith("no take or file on two sides, but speakers are unknown, so that people may stand")
    with pytest.raises(UserError, match=r"speakers3 deals out speakers, and --data\.root names none; add a column"):
        read_split(config_of(tmp_path, protocol="speakers3"))


@pytest.mark.parametrize("name", ["Speaker ID", "actor", "speeker", "speker"])
def test_a_column_that_may_be_the_speakers_is_said(tmp_path, caplog, name):
    path = write(tmp_path, "a.wav,sad,S1,x", head=f"path,label,{name},text")
    [item] = scan(tmp_path)
    assert (item.speaker, item.attributes) == ("", {name: "S1", "text": "x"})
    assert f"{path}: has no column speaker, so that speakers are unknown; if {name!r} is it" in caplog.text


@pytest.mark.parametrize(("there", "told"), [("M\u00fc.wav", "Mu\u0308.wav"), ("Mu\u0308.wav", "M\u00fc.wav")])
def test_files_are_found_however_their_letters_are_composed(tmp_path, there, told):
    write(tmp_path, f"{there},sad,S1")
    (tmp_path / "table.csv").write_text(f"{HEAD}\n{told},sad,S1\n", encoding="utf-8")
    [item] = scan(tmp_path)
    assert (item.id, item.path) == (told[:-4], str(tmp_path / there))


def test_labels_and_speakers_are_text(tmp_path):
    write(tmp_path, "a.wav,NA,001", "b.wav,null,nan", "c.wav,None,1e3", "d.wav,nan,true")
    classes, items, _ = read_corpus(config_of(tmp_path))
    assert classes == ("NA", "None", "nan", "null")
    assert [item.speaker for item in items] == ["001", "nan", "1e3", "true"]


def test_without_takes_every_clip_is_one(tmp_path):
    write(tmp_path, "x/a.wav,sad,1", "x/b.wav,sad,1")
    assert [item.take for item in scan(tmp_path)] == ["x/a", "x/b"]


def test_a_spreadsheets_table_is_read(tmp_path):
    write(tmp_path, "a.wav, sad, 1")
    (tmp_path / "table.csv").write_bytes(b'\xef\xbb\xbfpath, label, speaker\r\n"a.wav", sad , 1\r\n\r\n')
    [item] = scan(tmp_path)
    assert (item.id, item.label, item.speaker) == ("a", "sad", "1")


def test_a_table_of_another_machine_is_read(tmp_path):
    write(tmp_path, "clips/a b.wav,traurig,EB0", "clips/c.wav,froh,EB1")
    content = "sep=;\r\nPath; LABEL ;Speaker;Duration_s;;\r\n" + "".join(
        f"{row};;\r\n" for row in ("clips\\a b.wav;traurig;EB0;1.5", "clips\\c.wav;fr\u00f6hlich;EB1;", ";;;"))
    (tmp_path / "table.csv").write_bytes(content.encode("utf-16"))
    items = scan(tmp_path)
    assert [(item.id, item.label, item.speaker, item.duration_s) for item in items] == [
        ("clips/a b", "traurig", "EB0", 1.5), ("clips/c", "fr\u00f6hlich", "EB1", None)]
    assert all(item.attributes == {} for item in items)


def test_a_backslash_in_a_name_stays(tmp_path):
    write(tmp_path, r"a\b.wav,sad,1")
    assert scan(tmp_path)[0].path == str(tmp_path / r"a\b.wav")


def test_rows_that_an_open_quote_swallowed_are_not_lost(tmp_path):
    rows = [f"clips/{number}.wav,sad,S{number}" for number in range(4)]
    write(tmp_path, *rows)
    (tmp_path / "table.csv").write_text(f'{HEAD},text\n' + "".join(
        f"{row},{text}\n" for row, text in zip(rows, ("x", '"Oh', "x", 'no"'), strict=True)))
    with pytest.raises(UserError, match=r"table\.csv: lines 3 to 5 are read as one row"):
        scan(tmp_path)


def test_a_table_of_another_name_is_named_itself(tmp_path):
    path = write(tmp_path / "mine", "a.wav,sad,1", name="few.csv")
    [item] = scan(path)
    assert item.path == str(tmp_path / "mine" / "a.wav")
    assert [name_of("csv", str(place)) for place in (path, tmp_path / "mine", tmp_path / "mine" / "table.csv")] == [
        "few", "mine", "mine"]
    assert name_of("ravdess", "data/mine") == "ravdess"


def test_labels_are_renamed_or_left_out_and_counted(tmp_path):
    rows = [f"{speaker}{label}.wav,{label},{speaker}" for speaker in "ABC"
            for label in ("joy", "happiness", "boredom", "anger")]
    write(tmp_path, *rows)
    config = config_of(tmp_path, label_map={"joy": "happy", "happiness": "happy", "boredom": None},
                       protocol="speakers3")
    classes, items, left_out = read_corpus(config)
    assert classes == ("anger", "happy")
    assert [item.label for item in items[:3]] == ["happy", "happy", "anger"]
    assert left_out == {"boredom": 3}
    verdict = read_split(config)[1].verdict
    assert verdict.startswith("no speaker, take or file on two sides: train speakers C (3 clips)")
    assert verdict.endswith("left out: boredom (3 clips)")


@pytest.mark.parametrize(("label_map", "message"), [
    ({"fear": "fearful"}, r"the label map names fear, and the labels here are happy, sad; correct"),
    ({"sad": None, "happy": "sad"}, r"leaves sad out and gives that name to another label"),
    ({"sad": None, "happy": None}, r"leaves out every label \(happy, sad\)"),
])
def test_a_label_map_that_does_not_go_is_refused(tmp_path, label_map, message):
    path = write(tmp_path, "a.wav,sad,1", "b.wav,happy,1")
    for read in (table.scan, table.labels):
        with pytest.raises(UserError, match=message) as caught:
            read(tmp_path, config_of(tmp_path, label_map=label_map))
        assert str(caught.value).startswith(f"{path}: ")


def test_a_class_that_predictions_could_not_name_is_refused(tmp_path):
    path = write(tmp_path, "a.wav,fold,1", "b.wav,happy,1")
    with pytest.raises(UserError, match=r"has the label 'fold', which is a column of predictions\.csv"):
        table.labels(tmp_path, config_of(tmp_path))
    assert table.labels(path, config_of(tmp_path, label_map={"fold": "crease"})) == ("crease", "happy")


@pytest.mark.parametrize(("head", "rows", "message"), [
    ("path,speaker", ["a.wav,1"], "lacks the column label; a corpus of one's own wants"),
    ("path,label,speaker,label", ["a.wav,sad,1,sad"], "names the column 'label' more than once"),
    (HEAD, [], "holds no rows"),
    (HEAD, ["a.wav,sad,1", "b.wav,,1"], "line 3 has no label; fill it in"),
    (HEAD, ["a.wav,sad"], "line 2 has no speaker; fill it in, or take .* the column, where nobody knows the speakers"),
    (f"{HEAD},take", ["a.wav,sad,1, "], "line 2 has no take"),
    (HEAD, ["a.wav,sad,1,2"], "line 2 has more cells than the first line"),
    (HEAD, ["a.txt,sad,1"], "line 2 names a.txt, whose ending is that of no media file"),
    (HEAD, ["a.wav,sad,1", "b.wav,sad,1", "./a.mp4,sad,1"], "lines 2 and 4 both name a "),
    (f"{HEAD},duration_s", ["a.wav,sad,1,0:03"], "line 2 has the duration_s 0:03; write seconds"),
    (f"{HEAD},duration_s", ["a.wav,sad,1,0"], "line 2 has the duration_s 0; write seconds"),
])
def test_a_table_that_is_wrong_says_in_which_line(tmp_path, head, rows, message):
    path = write(tmp_path, *rows, head=head)
    with pytest.raises(UserError, match=message) as caught:
        scan(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_recording_is_named_with_its_line(tmp_path):
    write(tmp_path, "a.wav,sad,1", "b.wav,sad,1", "c.wav,sad,1")
    (tmp_path / "b.wav").unlink()
    with pytest.raises(UserError, match=r"line 3 names .*b\.wav, and there is no such file \(1 of 3 rows name none\)"):
        scan(tmp_path)


@pytest.mark.parametrize("content", [b"path,label,speaker\n\xff\xfe,sad,1\n", b"\x00\x01\x02", b""])
def test_what_is_no_table_is_said(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"table\.csv: "):
        scan(tmp_path)


def test_a_folder_without_a_table_is_said(tmp_path):
    with pytest.raises(UserError, match=r"table\.csv: there is no such file; .* columns path, label"):
        scan(tmp_path)


def test_a_file_of_sides_names_clips_by_path_with_or_without_ending(tmp_path):
    write(tmp_path, "x/a.wav,sad,1", "x/b.wav,sad,2")
    (tmp_path / "sides.csv").write_text("id,side\nx/a,train\nx/b.wav,test\n")
    parts = read_split(config_of(tmp_path, protocol=str(tmp_path / "sides.csv")))[1]
    assert [item.id for item in (*parts.train, *parts.test)] == ["x/a", "x/b"]


def test_a_protocol_of_another_corpus_names_those_that_fit(tmp_path):
    write(tmp_path, "a.wav,sad,1")
    with pytest.raises(UserError, match=r"is for --data\.corpus ravdess, not csv; choose one of speakers5, or a CSV"):
        read_split(config_of(tmp_path))


@pytest.mark.parametrize(("changes", "message"), [
    ({"corpus": "ravdess", "label_map": {"a": "b"}},
     r"--data\.label_map is for --data\.corpus csv and folders, not ravdess"),
    ({"corpus": "csv", "label_map": {"a": ""}}, "the empty name"),
    ({"corpus": "csv", "channel": "song"}, r"--data\.channel is for --data\.corpus ravdess")])
def test_settings_of_another_corpus_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**changes)


def test_nemo_is_read_whole():
    config = config_of(shared("nemo"), protocol="speakers9", label_map={"surprised": None})
    classes, parts = read_split(config)
    assert classes == ("anger", "fear", "happiness", "neutral", "sadness")
    assert [len({item.speaker for item in side}) for side in parts[:3]] == [7, 1, 1]
    assert sum(map(len, parts[:3])) == 4481 - 669
    assert "left out: surprised (669 clips)" in parts.verdict
    assert parts.train[0].attributes.keys() == {"text_code", "seconds"}


def test_still_images_stand_in_tables_beside_recordings(tmp_path):
    write(tmp_path, "a.png,sad,anna", "b.webp,happy,ben", "c.mp4,sad,anna", "d.jpeg,happy,ben")
    assert [item.id for item in scan(tmp_path)] == ["a", "b", "c", "d"]
    write(tmp_path / "odd", "a.gif,sad,anna")
    with pytest.raises(UserError, match=r"line 2 names a\.gif, whose ending .* still image, such as \.png"):
        scan(tmp_path / "odd")
