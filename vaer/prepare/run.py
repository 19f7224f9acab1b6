"""Preparing a folder of raw files: what is missing is done, every file is accounted for."""

import dataclasses
import json
import os
from pathlib import Path

from vaer.config import require_range
from vaer.errors import GivenUpError, MediaError, RunError, UserError, as_text
from vaer.output_folder import Content, open_output_folder
from vaer.prepare import manifest
from vaer.prepare.clip import prepare_one
from vaer.prepare.isolated import Job, each_isolated
from vaer.prepare.manifest import Facts
from vaer.prepare.progress import FolderProgress
from vaer.prepare.report import write_report
from vaer.prepare.settings import PrepareConfig
from vaer.prepare.sources import Sources, beside_clips, find
from vaer.words import counted

CLIPS = Content("clips prepared", "prepared clips", "prepare it anew")
VERSION = 2  # of what is written: raise it with every change of the clips


def prepare(source: Path, target: Path, config: PrepareConfig, *, processes: int | None = None,
            scheduler: str | None = None) -> list[Facts]:
    """Prepare what is not prepared yet of the files under `source` into `target`, and report on all of them.

    `processes`: none means all cores. `scheduler`: the address of a Dask cluster that does the work instead, whose
    workers see both folders under the same paths. Killed at any moment, it goes on where it was; the result is the
    same, byte for byte. Returns the manifest's rows. Raises UserError, and RunError at the end where files were
    given up, which the next call tries again.
    """
    require_range("processes", processes, 1)
    sources = find(source)
    _open_target(source, target, config)
    rows = manifest.read(target)
    todo = [name for name in sources.targets
            if not manifest.is_current(rows.get(as_text(name)), source / name, target)]
    settings = dataclasses.asdict(config)
    # Paths as all machines of a cluster know them; the longest files first, so that no core waits at the end.
    roots = os.path.abspath(source), os.path.abspath(target)
    todo.sort(key=lambda name: -_num_bytes(source / name))
    jobs: list[Job] = [(str(source / name), (roots[0], name, roots[1], sources.targets[name], settings))
                       for name in todo]
    bar = FolderProgress(f"preparing {as_text(target)}", len(jobs))
    if scheduler is None:
        done = each_isolated(prepare_one, jobs, processes=processes, timeout_s=config.timeout_s, news=bar.news)
    else:
        from vaer.prepare.cluster import each_on_cluster

        done = each_on_cluster(scheduler, prepare_one, jobs, timeout_s=config.timeout_s)
    given_up = 0
    with open(target / manifest.JOURNAL, "a", encoding="utf-8") as journal, bar:
        for path, result in done:
            bar.advance()
            given_up += isinstance(result, GivenUpError)
            name = as_text(os.path.relpath(path, source))
            facts = manifest.failed(name, path, result) if isinstance(result, MediaError) else Facts(*result)
            rows[name] = facts
            journal.write(json.dumps(facts) + "\n")
            journal.flush()
    facts = _finish(source, target, sources, rows, prepared=len(jobs))
    if given_up:
        raise RunError(f"{as_text(target)}: {given_up} of {counted(len(facts), 'file')} given up, which "
                       f"report/report.md names; raise --timeout_s (now {config.timeout_s:g}) and go on by the same "
                       f"command: all else is kept.")
    return facts


def _num_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0  # a link into nothing is reported like a broken file


def _open_target(source: Path, target: Path, config: PrepareConfig) -> None:
    """Write down how clips are prepared into a folder, unless others are there that were prepared otherwise."""
    inside = source.resolve(), target.resolve()
    if inside[0] == inside[1] or inside[0] in inside[1].parents or inside[1] in inside[0].parents:
        raise UserError(f"{target}: lies in the folder of the files, or holds it; choose a folder beside it.")
    settings = dataclasses.asdict(config) | {"version": VERSION}
    del settings["timeout_s"]  # changes nothing about a clip
    open_output_folder(target / manifest.SETTINGS, settings, CLIPS)


def _finish(source: Path, target: Path, sources: Sources, rows: dict[str, Facts], prepared: int) -> list[Facts]:
    """Table and report; tables beside the files are taken over, what killed processes left is removed."""
    for name in sources.tables:
        content, path = beside_clips(source, name, sources.targets), target / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for left in target.rglob(".*.part"):
        left.unlink()
    manifest.write(target, rows)
    facts = [rows[name] for name in sorted(rows)]
    gone = sorted(set(rows) - set(map(as_text, sources.targets)))
    write_report(target, facts, others=sources.others, litter=sources.litter, gone=gone, prepared=prepared)
    return facts
