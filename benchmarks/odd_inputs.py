"""Make media files of every kind, read windows near the start and far from it, and compare numbers and moments.

    python benchmarks/odd_inputs.py                          # all files, every decoder that is here; about half an hour
    python benchmarks/odd_inputs.py --only webm --keep FOLDER

FFmpeg makes the files (tests/odd_makers.py, tests/odd_inputs.py): frames show their number, sound is seeded noise, so
that every moment is known. Each file is made and read in a process that can be killed: what hangs is said. An answer is
right, refused with a sentence, WRONG without one, or a hang. Exits with status 1 where one is WRONG or hangs. Writes
benchmarks/results/odd_inputs.json unless --only chooses.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import TimeoutError
from multiprocessing import get_context
from pathlib import Path

from av import FFmpegError
from pebble import ProcessExpired, ProcessPool

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from odd_answers import Answer, answer
from odd_inputs import all_odd
from odd_makers import write_odd

from vaer.media.readers import READERS, is_usable
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results"
LIMIT_S = 60.0  # twice what a decoder is given by the project itself


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="files whose name holds one of these texts")
    parser.add_argument("--decoders", nargs="*", default=[name for name in READERS if is_usable(name)])
    parser.add_argument("--keep", type=Path, help="a folder in which files that were not answered right stay")
    options = parser.parse_args()
    chosen = [odd for odd in all_odd() if not options.only or any(part in odd.name for part in options.only)]
    facts, rows = machine_facts(), []
    with tempfile.TemporaryDirectory() as folder, ProcessPool(1, context=get_context("spawn")) as pool:
        for odd in chosen:
            try:
                path = pool.schedule(write_odd, (odd, Path(folder)), timeout=LIMIT_S).result()
            except (TimeoutError, ProcessExpired, FFmpegError, ValueError) as error:
                rows.append({"file": odd.name, "decoder": "", "verdict": "not made", "reason": repr(error)})
                print(*rows[-1].values(), flush=True)
                continue
            answers = {decoder: read(pool, odd, str(path), decoder)
                       for decoder in (options.decoders if odd.film() else ["pyav"])}
            rows += [row(odd, decoder, found) for decoder, found in answers.items()]
            for each in rows[-len(answers):]:
                print(*each.values(), flush=True)
            if options.keep and any(found.verdict != "right" for found in answers.values()):
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / odd.name).write_bytes(path.read_bytes())
            path.unlink()
    report(rows)
    if not options.only:
        found = {"rows": rows, "files": len(chosen), "verdicts": Counter(row["verdict"] for row in rows), "seed": 0,
                 "limit_s": LIMIT_S, "machine": facts}
        (RESULTS / "odd_inputs.json").write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["verdict"] in ("WRONG", "hang") for row in rows))


def read(pool, odd, path, decoder):
    """The answer that a process of its own gives within the limit."""
    try:
        return pool.schedule(answer, (odd, path, decoder), timeout=LIMIT_S).result()
    except TimeoutError:
        return Answer("hang", f"no answer within {LIMIT_S:.0f} s")
    except ProcessExpired as error:
        return Answer("hang", f"the process ended itself ({error})")
    except Exception as error:  # a traceback is a defect, to be listed beside the others
        return Answer("WRONG", f"a traceback instead of a sentence: {error!r}")


def row(odd, decoder, found):
    facts = {"file": odd.name, "decoder": decoder if odd.film() else "", "verdict": found.verdict,
             "reason": found.reason}
    if found.verdict != "refused" and odd.sound():
        facts |= {"lag_ms": round(found.lag_ms, 1), "likeness": round(found.likeness, 3)}
    return facts


def report(rows):
    """Counts for each kind of file and decoder; every answer that is not right, with its reason."""
    print()
    for each in rows:
        if each["verdict"] != "right":
            print(f"{each['verdict']:8} {each['file']} {each['decoder']}: {each['reason']}")
    kinds = sorted({(each["file"].rsplit(".", 1)[-1], each["decoder"]) for each in rows})
    verdicts = ("right", "refused", "WRONG", "hang", "not made")
    print(f"\n{'kind':6} {'decoder':10}" + "".join(f"{verdict:>9}" for verdict in verdicts))
    for kind in [*kinds, ("all", "")]:
        counts = Counter(each["verdict"] for each in rows
                         if kind[0] == "all" or kind == (each["file"].rsplit(".", 1)[-1], each["decoder"]))
        print(f"{kind[0]:6} {kind[1]:10}" + "".join(f"{counts[verdict]:>9}" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
