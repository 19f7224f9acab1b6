"""Decoding every file to its end, as training would, in processes that can be killed."""

import sys
from pathlib import Path

import numpy as np

from vaer.config import require_range
from vaer.data.corpora import table
from vaer.data.listed import clips_under
from vaer.errors import GivenUpError, MediaError, RunError, UserError, as_text
from vaer.media import media
from vaer.media.probe import probe
from vaer.media.waveforms import CANCELS, decode_waveform
from vaer.prepare import limits
from vaer.prepare.isolated import each_isolated
from vaer.prepare.progress import FolderProgress
from vaer.words import counted

SIZE = 32  # pixels: decoding is the point, not the frames
AT_ONCE = 64  # frames in memory


def check(root: Path, *, processes: int | None = None, timeout_s: float = 600.0) -> None:
    """Print a line for every file under `root` that does not decode; raises RunError where there was one.

    Files that decode and whose channels cancel out have a line as well. A folder's table.csv is read first; raises
    UserError for what is wrong with it.
    """
    require_range("processes", processes, 1)
    require_range("timeout_s", timeout_s, 0.1)
    if not root.exists():
        raise UserError(f"{root}: there is no such file or folder; name the files.")
    paths = [str(root)] if root.is_file() else clips_under(root)
    if not paths:
        raise UserError(f"{root}: holds no media file; name a folder of media files, or one of them.")
    if (root / table.NAME).is_file():
        table.scan(root, table.Settings())
    jobs = [(path, (path,)) for path in paths]
    broken = remarked = given_up = 0
    with FolderProgress(f"checking {as_text(root)}", len(jobs)) as bar:
        for path, result in each_isolated(check_one, jobs, processes=processes, timeout_s=timeout_s, news=bar.news):
            bar.advance()
            if isinstance(result, MediaError):
                broken += 1
                given_up += isinstance(result, GivenUpError)
                print(result, flush=True)
            elif result:
                remarked += 1
                print(f"{as_text(path)}: {result}", flush=True)
    print(f"{as_text(root)}: {len(paths) - broken} of {counted(len(paths), 'file')} decoded to the end"
          + f", {remarked} {'has' if remarked == 1 else 'have'} something to say" * bool(remarked), file=sys.stderr)
    if given_up:
        raise RunError(f"{as_text(root)}: {given_up} of {counted(len(paths), 'file')} given up, named above; raise "
                       f"--timeout_s (now {timeout_s:g}) and check them again ({broken - given_up} others are broken).")
    if broken:
        raise RunError(f"{as_text(root)}: {broken} of {counted(len(paths), 'file')} broken, named above; make them "
                       f"again "
                       f"or leave them out.")


def check_one(path: str) -> str:
    """Decode the frames of a file with the decoder that trains, and its audio; raises MediaError.

    What is to be said of a whole file, a clause; empty where there is nothing.
    """
    facts = probe(path)
    limits.allow(facts.duration_s, len(facts.frame_times) * facts.width * facts.height)
    for first in range(0, len(facts.frame_times), AT_ONCE):
        media.read_frames(path, np.arange(first, min(first + AT_ONCE, len(facts.frame_times))), SIZE)
        limits.reached(first / len(facts.frame_times))
    cancels = facts.has_audio and decode_waveform(path, 0.0, facts.duration_s).cancels
    return "; ".join(filter(None, [facts.choice, CANCELS if cancels else ""]))
