"""What makes a run the same run: its settings, the code that trains and scores it, and the files that it reads."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import vaer
from vaer.config import HOW_IT_RAN, STARTS, Config, DataConfig, dotted, resolve
from vaer.data import manifest
from vaer.data.corpora import provenance_note, read_corpus
from vaer.data.protocols import is_file
from vaer.errors import MediaError
from vaer.runs.folder import best_of

CHANGE_NOTHING = HOW_IT_RAN | {*STARTS, "data.fold", "data.protocol"}
"""Settings that do not change a run, or whose content stands beside the settings, wherever it lies."""
APART = ("studies", "api.py", "cli.py", "demo", "doctor", "inference", "prepare", "renderings", "report", "cores.py")
"""Rooms and files of the package that no training and no scoring passes through."""
OF_A_CORPUS = ("corpus", "root", "channel", "labels", "label_map", "speaker_pattern")
"""Settings of data that say who is in a corpus."""


def identity(config: Config, starts: dict[str, str], code: str) -> dict[str, Any]:
    """What the name of a run is made of; `starts` has, by setting, the name of the run that it starts from.

    `code` is the digest of the code that trains and scores it. Settings at their defaults do not count, so that one
    that a later version adds does not give another name to what `--keep_code` shall keep.
    """
    usual = dotted(Config())
    settings = {name: value for name, value in dotted(_plain(config)).items()
                if name not in CHANGE_NOTHING and value != usual[name]}
    return {"settings": settings, "fold": config.data.fold, "protocol": _protocol(config.data.protocol),
            "starts": starts | _weights(config, apart=starts), "code": code, "data": data_digest(config.data)}


def digest(content: dict[str, Any]) -> str:
    """A short name for plain content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """The content of those sources of the package that training or scoring pass through.

    Not the git commit: a package that was installed has none, changes that are not committed would not count, and a
    new page of documentation would train everything anew.
    """
    root, found = Path(vaer.__file__).parent, hashlib.sha256()
    for path in sorted(path for pattern in ("**/*.py", "**/*.json") for path in root.glob(pattern)):
        name = path.relative_to(root)
        if name.parts[0] not in APART:
            found.update(f"{name.as_posix()}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def data_digest(data: DataConfig) -> str:
    """Who is in a corpus and in which files: each clip's id, label, speaker and take, and its files' size and date.

    Of a prepared corpus its manifest stands for sizes and dates: it has a digest of every clip, so that a copy is the
    same corpus. Where the folder lies does not matter. Raises UserError.
    """
    return _read_digest(json.dumps({name: getattr(data, name) for name in OF_A_CORPUS}))


@cache
def _read_digest(settings: str) -> str:
    data = DataConfig(**json.loads(settings))
    classes, items, left_out = read_corpus(data)
    root = os.path.abspath(data.root)
    folder = Path(root).parent if os.path.isfile(root) else Path(root)
    known = folder / manifest.NAME
    who = [provenance_note(data.root)], *([item.id, item.label, item.speaker, item.take] for item in items)
    found = hashlib.sha256(json.dumps([classes, left_out, *who]).encode())
    if known.is_file():
        found.update(known.read_bytes())
    else:
        for path in sorted({path for item in items for path in (item.path, item.audio_path) if path is not None}):
            status = _status(path)
            found.update(f"{os.path.relpath(path, folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(
                "utf-8", "surrogateescape"))
    return found.hexdigest()[:16]


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise MediaError(path, f"cannot be opened ({error.strerror}); check path and permissions") from error


def _protocol(protocol: str) -> str:
    """A protocol's name, or what its file says."""
    return hashlib.sha256(Path(protocol).read_bytes()).hexdigest()[:16] if is_file(protocol) else protocol


def _weights(config: Config, apart: dict[str, str]) -> dict[str, Any]:
    """What a run starts from that is no run of the study: by its name, or the size and date of its file."""
    sources = {"model.init": config.model.init, "model.video.pretrained": config.model.video.pretrained,
               "model.audio.pretrained": config.model.audio.pretrained}
    return {name: _version(source) for name, source in sources.items()
            if source is not None and name not in apart}


def _version(source: str) -> list[Any]:
    best = best_of(source) if os.path.isdir(source) else None
    path = Path(source) if best is None else best.weights_path
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [[file.name, status.st_size, status.st_mtime_ns] for file in files if file.is_file()
            for status in [file.stat()]] or [source]


def _plain(config: Config) -> Config:
    """The settings, with what a preset decides filled in where no checkpoint has to be asked for it."""
    open_encoder = config.model.audio.kind == "transformers" and config.model.audio.architecture is None
    return config if open_encoder else resolve(config)
