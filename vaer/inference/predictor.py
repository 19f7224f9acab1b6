"""A trained network as something to ask: `vaer.load("runs/x")("clip.mp4")`."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np

from vaer.config import require, require_range
from vaer.errors import MediaError
from vaer.inference.file_windows import FaceCache, FileWindows
from vaer.inference.forward import embed_rows, predict_rows
from vaer.inference.journal import Journal
from vaer.inference.network import Trained, open_network
from vaer.inference.plan import Plan, make_plan
from vaer.inference.source import ArraySource, FileSource, Source, is_prepared
from vaer.inference.starter import open_starter
from vaer.inference.summary import mean_of, tracks_of
from vaer.inference.waveform_reader import levels_of
from vaer.media.probe import Probe
from vaer.renderings.timeline import FORMAT, Timeline

Progress = Callable[[float], None]
"""Gets the end, in seconds, of every window that is answered."""


class Predictor:
    """The best network of a run; files and arrays are given to it as training saw its clips."""

    def __init__(self, trained: Trained, *, step_s: float | None = None, batch_size: int = 16) -> None:
        require_range("batch_size", batch_size, 1)
        self.trained, self.batch_size = trained, batch_size
        self.plan: Plan = make_plan(trained.recipe, step_s)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the network's answers."""
        return self.trained.network.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """What every answer says of the network, a sentence each."""
        return self.trained.notes

    @overload  # a str is an iterable of str, too: the first that fits counts
    def __call__(self, source: str | Path) -> Timeline: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, source: Iterable[str | Path]) -> Iterator[Timeline]: ...

    @overload
    def __call__(self, source: None = None, *, frames: np.ndarray | None = None, waveform: np.ndarray | None = None,
                 frame_times: np.ndarray | None = None, fps: float | None = None,
                 sample_rate: int | None = None) -> Timeline: ...

    def __call__(self, source: str | Path | Iterable[str | Path] | None = None, *, frames: np.ndarray | None = None,
                 waveform: np.ndarray | None = None, frame_times: np.ndarray | None = None, fps: float | None = None,
                 sample_rate: int | None = None) -> Timeline | Iterator[Timeline]:
        """The timeline of a file or of arrays, or, one after the other, those of several files.

        `frames` (time, height, width, 3) uint8 come with `fps` or `frame_times`, `waveform` (samples,) with
        `sample_rate`. Raises MediaError for a file that cannot be read, UserError for arrays that are none of these.
        """
        if source is None:
            arrays = ArraySource(frames, waveform, frame_times=frame_times, fps=fps, sample_rate=sample_rate)
            return self._timeline(arrays, {"path": None}, self._preparation(None))
        require(frames is None and waveform is None, "Give a file or arrays, not both.")
        if isinstance(source, str | Path):
            return self.predict_file(str(source))
        return (self.predict_file(str(path)) for path in source)

    def predict_file(self, path: str, *, journal: Path | None = None, progress: Progress | None = None) -> Timeline:
        """The timeline of one file; with a `journal`, a run that was interrupted goes on where it was."""
        source = FileSource(path)
        known = {"path": path, "bytes": Path(path).stat().st_size, "sha256": _sha256(path)}
        if journal is None:
            return self._timeline(source, known, self._preparation(path), progress=progress)
        header = self.settings_of_rows() | {"sha256": known["sha256"], "prepared": is_prepared(path)}
        return self._timeline(source, known, self._preparation(path), Journal(journal, header), progress)

    def embed(self, path: str) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
        """The windows of a file in order, each with its vectors, as `vaer.inference.forward.embed_rows` gives them."""
        return chain.from_iterable(self.embed_batches(path, FaceCache()))

    def embed_batches(self, path: str, memory: FaceCache,
                      known: int = 0) -> Iterator[list[tuple[dict[str, Any], dict[str, np.ndarray]]]]:
        """The same, a batch at a time, without those of the first `known` rows; `memory` has faces found before."""
        file_windows = self._file_windows(FileSource(path), self._preparation(path))
        return embed_rows(self.trained, file_windows.rows(memory), batch_size=self.batch_size, known=known)

    def settings_of_rows(self) -> dict[str, Any]:
        """What decides on the rows of every file, and on where its batches begin."""
        return {"format": FORMAT, "network": self.trained.sha256, "plan": self._plan_facts(),
                "batch_size": self.batch_size}

    def content_of(self, path: str) -> dict[str, Any]:
        """What decides on the rows of a file beside the settings: where it is, its bytes, whether it is prepared."""
        return {"path": path, "sha256": _sha256(path), "prepared": is_prepared(path)}

    def _file_windows(self, source: Source, preparation: dict[str, Any] | None) -> FileWindows:
        network = self.trained.network
        return FileWindows(source, self.plan, preparation, video=network.video is not None,
                           audio=network.audio is not None)

    def is_current(self, timeline: Timeline, path: str) -> bool:
        """Whether a timeline is the answer of this network, under this plan, to the file as it is now."""
        content = timeline.content
        plan = self._plan_facts() | {"preparation": self._preparation(path)}
        return (content["network"]["sha256"] == self.trained.sha256 and content["plan"] == plan
                and content["recording"]["path"] == path and content["recording"]["sha256"] == _sha256(path))

    def _preparation(self, path: str | None) -> dict[str, Any] | None:
        return None if path is not None and is_prepared(path) else self.trained.recipe.preparation

    def _timeline(self, source: Source, known: dict[str, Any], preparation: dict[str, Any] | None,
                  journal: Journal | None = None, progress: Progress | None = None) -> Timeline:
        file_windows = self._file_windows(source, preparation)
        memory = FaceCache(journal.faces if journal else None)
        rows, fresh = [], []
        count = len(journal.rows) // self.batch_size * self.batch_size if journal else 0
        before = journal.rows[:count] if journal else []
        for row in predict_rows(self.trained, file_windows.rows(memory), batch_size=self.batch_size, known=before):
            rows.append(row)
            if journal is not None and len(rows) > count:
                fresh.append(row)
                if len(fresh) == self.batch_size:
                    journal.write(memory.take(), fresh)
                    fresh = []
            if progress is not None:
                progress(row["end_s"])
        return self._result(source, file_windows, known, rows)

    def _result(self, source: Source, file_windows: FileWindows, known: dict[str, Any],
                rows: list[dict[str, Any]]) -> Timeline:
        facts: Probe = source.facts
        recipe, classes = self.trained.recipe, self.classes
        width, height = file_windows.size
        return Timeline({
            "format": FORMAT,
            "recording": known | {"duration_s": round(float(facts.duration_s), 4), "frames": len(facts.frame_times),
                                  "width": width, "height": height, "has_sound": facts.has_audio,
                                  "levels": levels_of(source.audio(0.0), facts.duration_s)},
            "network": {"run": self.trained.name, "sha256": self.trained.sha256, "classes": list(classes),
                        "corpus": recipe.corpus, "temperature": recipe.temperature},
            "plan": self._plan_facts() | {"preparation": file_windows.preparation},
            "notes": list(self.notes),
            "shots": [{"start_s": round(start_s, 4), "end_s": round(end_s, 4)} for start_s,
                      end_s in file_windows.shots],
            "mean": mean_of(rows, classes, recipe.temperature),
            "tracks": tracks_of(rows, classes, recipe.temperature),
            "windows": rows})

    def _plan_facts(self) -> dict[str, Any]:
        clip = self.plan.clip
        return {"window_s": self.plan.window_s, "step_s": self.plan.step_s, "whole_s": self.plan.whole_s,
                "views": self.plan.views, "num_frames": clip.num_frames, "size": clip.size, "trim_db": clip.trim_db}


def load(run: str | Path | None = None, *, device: str | None = None, step_s: float | None = None,
         batch_size: int = 16) -> Predictor:
    """The network of a run, or of its `best/`, ready to be asked; without a run the starter network.

    Raises UserError where there is none.
    """
    trained = open_starter(device) if run is None else open_network(run, device)
    return Predictor(trained, step_s=step_s, batch_size=batch_size)


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror}); check the path and its permissions") from error
