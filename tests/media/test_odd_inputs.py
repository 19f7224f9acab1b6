"""A reduced set of the files of `benchmarks/odd_inputs.py`: every moment is right, with every decoder."""

from collections import Counter
from multiprocessing import get_context

import pytest
from makers import DECODERS
from odd_answers import answer
from odd_inputs import all_odd
from odd_makers import Film, Odd, Sound, write_odd
from pebble import ProcessPool

LIMIT_S = 60.0
QUICK = [odd.shortened() for odd in all_odd() if odd.quick]
FILM, SOUND = Film("mpeg4", frames=50), Sound("pcm_s16le", seconds=2.0)


@pytest.fixture(scope="module")
def pool():
    """A process that is killed when a file takes longer than the limit: a hang fails its test alone."""
    with ProcessPool(1, context=get_context("spawn")) as pool:
        yield pool
        pool.stop()


@pytest.mark.parametrize("odd", QUICK, ids=lambda odd: odd.name)
def test_every_decoder_reads_what_was_written(pool, tmp_path, odd):
    path = pool.schedule(write_odd, (odd, tmp_path), timeout=LIMIT_S).result()
    decoders = [each.values[0] for each in DECODERS if not each.marks[0].args[0]] if odd.film() else ["pyav"]
    for decoder in decoders:
        found = pool.schedule(answer, (odd, str(path), decoder), timeout=LIMIT_S).result()
        assert (decoder, found.verdict, found.reason) == (decoder, "right", "")


def test_the_files_are_many_and_named_apart():
    names = Counter(odd.name for odd in all_odd())
    assert len(names) >= 150
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(("made", "taken_for", "reason"), [
    ((FILM._replace(start_s=0.4), SOUND), (FILM, SOUND), "frame 0 where 2 is right"),  # 0.08 s is before the first one
    ((FILM, SOUND._replace(start_s=0.04)), (FILM, SOUND), "the audio is 40 ms late"),
    ((FILM, SOUND._replace(decoy=True)), (FILM, SOUND), "audio that resembles none that was made"),
    ((FILM._replace(decoy=True), SOUND), (FILM, SOUND), "frame 253 where 2 is right"),
    ((Film("png", "gray", frames=50), SOUND), (FILM, SOUND), "colours are off by"),
    ((FILM._replace(frames=40), SOUND._replace(seconds=1.6)), (FILM, SOUND), "lasts 1.60 s where 2.00 s are right"),
    ((FILM, SOUND._replace(codec="pcm_u8")), (FILM, SOUND), None),
    ((FILM,), (FILM, SOUND), "no sound"), ((SOUND,), (FILM, SOUND), "no frames")], ids=str)
def test_what_is_wrong_is_noticed(tmp_path, made, taken_for, reason):
    path = write_odd(Odd("x.mov", made), tmp_path)
    found = answer(Odd("x.mov", taken_for), str(path), "pyav")
    assert (reason or "") in found.reason
    assert found.verdict == ("WRONG" if reason else "right")


def test_what_does_not_decode_is_refused_with_its_sentence(tmp_path):
    (tmp_path / "x.mov").write_bytes(b"no film")
    found = answer(Odd("x.mov", (FILM, SOUND)), str(tmp_path / "x.mov"), "pyav")
    assert found.verdict == "refused"
    assert found.reason.startswith("x.mov: cannot be decoded")
