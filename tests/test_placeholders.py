import pytest

from vaer.placeholders import describe_placeholder

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(("content", "said"), [
    (b"", "is empty; make or download the file again"),
    (LFS, "is a git-lfs pointer, not the file itself; fetch it with `git lfs pull`"),
    (b"\xef\xbb\xbf" + LFS.replace(b"\n", b"\r\n"), "is a git-lfs pointer"),
    (LFS.decode().encode("utf-16"), "is a git-lfs pointer"),  # saved by a shell of Windows
    (b"version https://hawser.github.com/spec/v1\n", "is a git-lfs pointer"),  # its older name
    (b"/annex/objects/SHA256E-s1--ab.mp4\n", "is a git-annex pointer, not the file itself; fetch it with `git annex"),
    (b"<!DOCTYPE html><html>404</html>", "is a web page, not the file itself"),
    (b"\n  <!-- saved --> \n<HTML lang=en>", "is a web page"),
    (b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>", "is a web page"),
    ("\ufeff<!doctype html>".encode("utf-16-le"), "is a web page")])
def test_what_is_not_the_file_itself_is_described(tmp_path, content, said):
    (tmp_path / "x.bin").write_bytes(content)
    assert describe_placeholder(tmp_path / "x.bin").startswith(said)


@pytest.mark.parametrize("content", [
    b"path,label\na.wav,sad\n", b"version,https://git-lfs", b"RIFF\x24\0\0\0WAVE", b"<svg xmlns='x'/>", b"{}",
    b"\0" * 9, b"<Errors>", b"PK\x03\x04"])
def test_everything_else_is_the_file_itself(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    assert describe_placeholder(tmp_path / "x.bin") is None
