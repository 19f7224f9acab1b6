"""The table of prepared clips and the journal behind it."""

import json

import pytest

from vaer.errors import MediaError, UserError
from vaer.prepare import manifest
from vaer.prepare.manifest import JOURNAL, MANIFEST, Facts

ROW = Facts("a/1.mp4", "a/1.avi", "no face; silent", "", 1.25, 30, 24.0, 224, 168, loudness_db=-81.5, bytes=9,
            sha256="00ff", source_bytes=123, source_modified_ns=1_700_000_000_123_456_789)
SILENT = Facts("b.flac", "b.wav", "silent", "", loudness_db=float("-inf"))
BROKEN = Facts("", "c.mp4", "", 'is cut off, said "FFmpeg"; make it again')


def test_a_table_comes_back_as_it_was_written_in_the_order_of_the_recordings(tmp_path):
    manifest.write(tmp_path, {row.source: row for row in (BROKEN, SILENT, ROW)})
    assert list(manifest.read(tmp_path).values()) == [ROW, SILENT, BROKEN]
    before = (tmp_path / MANIFEST).read_bytes()
    manifest.write(tmp_path, manifest.read(tmp_path))
    assert (tmp_path / MANIFEST).read_bytes() == before


def test_the_journal_of_interrupted_work_counts_up_to_its_last_whole_line(tmp_path):
    manifest.write(tmp_path, {ROW.source: ROW})
    newer = ROW._replace(duration_s=2.0)
    lines = json.dumps(newer) + "\n" + json.dumps(SILENT) + "\n" + json.dumps(BROKEN)[:20]
    (tmp_path / JOURNAL).write_text(lines)
    assert manifest.read(tmp_path) == {"a/1.avi": newer, "b.wav": SILENT}
    manifest.write(tmp_path, manifest.read(tmp_path))
    assert not (tmp_path / JOURNAL).exists()


def test_a_row_is_current_while_recording_and_clip_are_as_they_were(tmp_path):
    source, target = tmp_path / "from", tmp_path / "to"
    (source / "a").mkdir(parents=True)
    (target / "a").mkdir(parents=True)
    recording, clip = source / "a/1.avi", target / "a/1.mp4"
    recording.write_bytes(b"film")
    clip.touch()
    row = ROW._replace(source_bytes=4, source_modified_ns=recording.stat().st_mtime_ns)
    assert manifest.is_current(row, source / row.source, target)
    assert not manifest.is_current(None, source / row.source, target)
    assert not manifest.is_current(row._replace(source_bytes=5), source / row.source, target)
    clip.unlink()
    assert not manifest.is_current(row, source / row.source, target)
    assert manifest.is_current(row._replace(path=""), source / row.source, target)  # it is known to be broken
    recording.unlink()
    assert not manifest.is_current(row._replace(path=""), source / row.source, target)


def test_what_cannot_be_prepared_has_a_row_with_the_reason(tmp_path):
    (tmp_path / "c.mp4").write_bytes(b"12345")
    row = manifest.failed("c.mp4", str(tmp_path / "c.mp4"), MediaError("c.mp4", "is cut off"))
    assert (row.path, row.source, row.reason, row.source_bytes) == ("", "c.mp4", "is cut off", 5)
    assert manifest.failed("d.mp4", str(tmp_path / "d.mp4"), MediaError("d.mp4", "is gone")).source_bytes == 0


def test_a_foreign_table_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text("path,label\na.mp4,happy\n")
    with pytest.raises(UserError, match=r"manifest\.csv: cannot be read as a manifest"):
        manifest.read(tmp_path)
