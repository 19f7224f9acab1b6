"""What a study keeps of a run beside what the run keeps itself: what was wanted, why it failed, what it took."""

import dataclasses
import json
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from vaer.atomic_files import read_facts, write_facts
from vaer.runs.folder import RunFolder

State = Literal["finished", "failed", "begun", "new"]


class Work(NamedTuple):
    """A step that came to its end."""

    task: str
    wall_s: float
    peak_bytes: int
    """The most memory that one of its processes had."""
    epochs: int
    """Of training, that it did."""


@dataclasses.dataclass(frozen=True)
class StudyRun:
    """The folder of a run of a study."""

    path: Path

    @property
    def run(self) -> RunFolder:
        """The same as training knows it."""
        return RunFolder(self.path)

    @property
    def busy(self) -> Path:
        """The folder that is locked by the process that works on the run."""
        return self.path / "busy"

    @property
    def wanted_path(self) -> Path:
        """The settings, and what the run's name is made of."""
        return self.path / "wanted.json"

    @property
    def output_path(self) -> Path:
        """What training and scoring said."""
        return self.path / "output.log"

    @property
    def failed_path(self) -> Path:
        """Why the last try ended."""
        return self.path / "failed.json"

    @property
    def _scored_path(self) -> Path:
        return self.path / "scored.json"

    @property
    def _work_path(self) -> Path:
        return self.path / "work.jsonl"

    def state(self) -> State:
        """How far the run is."""
        if self.run.is_finished():
            return "finished"
        if self.failed_path.is_file():
            return "failed"
        return "begun" if self.run.is_begun() else "new"

    def want(self, wanted: dict[str, Any]) -> None:
        """Write down what is wanted: settings, what the name is made of, modalities, the code that shall do it."""
        self.path.mkdir(parents=True, exist_ok=True)
        if read_facts(self.wanted_path) != json.loads(json.dumps(wanted)):
            write_facts(self.wanted_path, wanted)

    def wanted(self) -> dict[str, Any]:
        """What `want` wrote."""
        return read_facts(self.wanted_path)

    def reason(self) -> str | None:
        """Why the last try ended; None where it did not fail."""
        facts = read_facts(self.failed_path)
        return facts.get("reason") if facts else None

    def fail(self, task: str, status: int | None, reason: str) -> None:
        """Write down why a try ended."""
        write_facts(self.failed_path, {"task": task, "status": status, "reason": reason})

    def scored(self) -> list[str]:
        """The modalities whose scores are there, whole."""
        return read_facts(self._scored_path).get("modalities", [])

    def is_scored(self) -> bool:
        """Whether all scores are there that are wanted."""
        return {"both", *self.wanted().get("modalities", [])} <= set(self.scored())

    def has_scored(self, modality: str) -> None:
        """Write down that the scores of a modality are there."""
        write_facts(self._scored_path, {"modalities": [*self.scored(), modality]})

    def worked(self, work: Work) -> None:
        """Write down what a step took."""
        with self._work_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(work._asdict()) + "\n")

    def work(self) -> list[Work]:
        """What the steps took that came to their end."""
        if not self._work_path.is_file():
            return []
        lines = self._work_path.read_text(encoding="utf-8").splitlines()
        return [Work(**json.loads(line)) for line in lines if line.endswith("}")]

    def epoch_s(self) -> float | None:
        """Seconds of an epoch: the median of those in the log; None where there is none."""
        log = self.run.log_path
        if not log.is_file():
            return None
        rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return median(row["train_s"] for row in rows) if rows else None
