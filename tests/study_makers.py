"""What tests of studies need: a corpus that nobody decodes, a study on it, and a step that trains in a blink."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

BASE = """\
base:
  data: {{corpus: csv, root: {root}, protocol: speakers4, num_frames: 8, size: 32, num_workers: 0}}
  model: {{video: {{preset: tiny}}, audio: {{preset: tiny}}, fusion: {{dim: 16}}}}
  train: {{epochs: {epochs}}}
"""
LABELS = ("happy", "sad")
TESTS = Path(__file__).parent
DRIVER = ("import sys\nfrom study_makers import FAKE\nfrom vaer.studies import children\nchildren.STEP = FAKE\n"
          "from vaer.cli import main\nmain(sys.argv[1:])\n")
FAKE = [sys.executable, str(Path(__file__))]
"""A step that does as training and scoring do, but for the network: it costs no torch."""


def write_corpus(root: Path, speakers: int = 8) -> Path:
    """Files of different bytes, two of each speaker, and their table."""
    root.mkdir(parents=True, exist_ok=True)
    rows = ["path,label,speaker"]
    for speaker in range(speakers):
        for label in LABELS:
            (root / f"{speaker}_{label}.mp4").write_bytes(f"{speaker}{label}".encode() * (1 + speaker))
            rows.append(f"{speaker}_{label}.mp4,{label},s{speaker}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root


def write_study(folder: Path, text: str = "", *, epochs: int = 3) -> Path:
    """A study of the corpus in `folder`, which is made where it is not there, with `text` after its base."""
    root = folder / "corpus"
    if not root.exists():
        write_corpus(root)
    path = folder / "study.yaml"
    path.write_text(BASE.format(root=root, epochs=epochs) + text)
    return path


def environment(**other) -> dict[str, str]:
    """That of this process, in which the package and these makers are found."""
    paths = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | other


def start(*arguments) -> subprocess.Popen:
    """`vaer` with steps that cost no network, in a group of its own."""
    return subprocess.Popen([sys.executable, "-c", DRIVER, *map(str, arguments)], env=environment(),
                            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def epochs_done(output) -> int:
    """Of all runs of a study together."""
    return sum(len(log.read_text().splitlines()) for log in Path(output).glob("runs/*/log.jsonl"))


def wait_until(condition, process) -> None:
    """Wait for what a process brings about, which must not end before."""
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def fake_train(config) -> None:
    """Epochs whose state hangs together as a chain of digests, saved after each: what a resume loses shows."""
    from vaer.atomic_files import write_facts
    from vaer.config import write_config
    from vaer.errors import RunError
    from vaer.runs.folder import RunFolder

    folder = RunFolder(Path(config.output))
    folder.path.mkdir(parents=True, exist_ok=True)
    write_config(config, folder.config_path)
    state_path = folder.path / "state.json"
    state = json.loads(state_path.read_text()) if state_path.exists() else {"epoch": 0, "chain": ""}
    text = json.dumps([config.seed, config.data.fold, config.model.fusion.kind, config.model.video.enabled,
                       config.model.audio.enabled])
    while state["epoch"] < config.train.epochs:
        time.sleep(config.train.weight_decay)
        if config.train.label_smoothing == 0.5:
            raise RunError(f"{folder}: the loss is not finite in epoch {state['epoch'] + 1}.")
        chain = hashlib.sha256((state["chain"] + text).encode()).hexdigest()
        state = {"epoch": state["epoch"] + 1, "chain": chain}
        write_facts(state_path, state)
        with folder.log_path.open("a") as log:
            log.write(json.dumps({"epoch": state["epoch"], "train_s": 10.0}) + "\n")
    write_facts(folder.facts_path, {"finished": True, "epochs": state["epoch"], "best_epoch": 1,
                                    "best_validation_uar": 0.5, "seed": config.seed})


def fake_evaluate(folders, options) -> None:
    """Answers that are drawn from the end of that chain."""
    from vaer.atomic_files import write_facts, write_text
    from vaer.data.protocols import read_split
    from vaer.runs.folder import RunFolder

    (path,) = folders
    folder = RunFolder(Path(path))
    config = folder.settings()
    chain = json.loads((folder.path / "state.json").read_text())["chain"]
    lines = ["id,take,path,fold,speaker,label,prediction," + ",".join(LABELS)]
    for item in read_split(config.data)[1].test:
        drawn = hashlib.sha256(f"{chain}{options.modality}{item.id}".encode()).digest()[0]
        first = (drawn + 0.5) / 256
        lines.append(f"{item.id},{item.take},{item.path},{config.data.fold},{item.speaker},{item.label},"
                     f"{LABELS[drawn < 128]},{first},{1 - first}")
    suffix = "" if options.modality == "both" else f"_{options.modality}"
    write_text(folder.predictions_path(suffix), "\n".join(lines) + "\n")
    write_facts(folder.metrics_path(suffix), {
        "classes": LABELS, "calibration": {"temperatures": {str(config.data.fold): 1.5}}, "fold": config.data.fold,
        "protocol": config.data.protocol, "seed": config.seed, "modality": options.modality, "split": "made"})


if __name__ == "__main__":
    from vaer.studies import step

    sys.modules["vaer.training.run"] = SimpleNamespace(train=fake_train)  # type: ignore[assignment]
    sys.modules["vaer.evaluation.run"] = SimpleNamespace(evaluate=fake_evaluate)  # type: ignore[assignment]
    sys.exit(step.main(sys.argv[1:]))
