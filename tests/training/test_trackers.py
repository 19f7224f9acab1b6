import sys
import types

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vaer.errors import UserError
from vaer.runs.folder import RunFolder
from vaer.training.logging import RunLog
from vaer.training.trackers import require_trackers

pytestmark = pytest.mark.usefixtures("accelerator")


class MlflowException(Exception):  # noqa: N818  mlflow's own name
    """As mlflow's."""


@pytest.fixture
def mlflow(monkeypatch):
    """A stand-in for mlflow that keeps what it is told; the true one is tried where it is installed, below."""
    fake, said = types.ModuleType("mlflow"), []
    limits = types.SimpleNamespace(MAX_PARAM_VAL_LENGTH=500, MAX_PARAMS_TAGS_PER_BATCH=100)
    run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="r1"))
    fake.utils = types.SimpleNamespace(validation=limits)
    fake.search_experiments = lambda **_: []
    fake.create_experiment = lambda **_: "e1"
    fake.start_run = lambda **options: said.append(("start", options["run_id"])) or run
    fake.log_params = lambda values: said.append(("params", values))
    fake.log_metrics = lambda values, step: said.append((step, values))
    fake.end_run = lambda: said.append(("end", None))
    fake.said = said
    exceptions = types.ModuleType("mlflow.exceptions")
    exceptions.MlflowException = MlflowException
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", exceptions)
    for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "MLFLOW_TAGS", "MLFLOW_NESTED_RUN"):
        monkeypatch.delenv(name, raising=False)
    return fake


def begin(folder, *, epochs=0, steps=0, trackers=("tensorboard", "mlflow")):
    return RunLog(RunFolder(folder), main=True, epochs_done=epochs, steps_done=steps, trackers=trackers,
                  settings={"train.lr": 0.1})


def test_a_resumed_run_goes_on_in_its_trackers_and_shows_nothing_twice(tmp_path, mlflow):
    log = begin(tmp_path)
    log.steps({"step": 1, "epoch": 1, "loss": 4.0})
    log.steps({"step": 2, "epoch": 1, "loss": 3.0})
    log.epoch({"epoch": 1, "loss": 3.5, "validation_uar": None}, 2)
    log.steps({"step": 3, "epoch": 2, "loss": float("nan")})
    log.close()
    log = begin(tmp_path, epochs=1, steps=2)
    log.steps({"step": 3, "epoch": 2, "loss": 2.0})
    log.steps({"step": 4, "epoch": 2, "loss": 1.0})
    log.close()
    shown = [entry for entry in mlflow.said if isinstance(entry[0], int)]
    assert shown == [(1, {"step/loss": 4.0}), (2, {"step/loss": 3.0}), (2, {"loss": 3.5}), (3, {}),
                     (4, {"step/loss": 1.0})]
    assert [entry for entry in mlflow.said if entry[0] in ("start", "params")] == [
        ("start", None), ("params", {"train.lr": 0.1}), ("start", "r1"), ("params", {"train.lr": 0.1})]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("step/loss")] == [(1, 4.0), (2, 3.0), (3, 2.0),
                                                                                   (4, 1.0)]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(2, 3.5)]


def test_a_tracker_that_fails_on_the_way_is_left_with_a_warning(tmp_path, mlflow, caplog):
    log = begin(tmp_path)

    def gone(values, step):
        raise MlflowException("no server\nanswers")

    mlflow.log_metrics = gone
    log.epoch({"epoch": 1, "loss": 1.0}, 5)
    log.epoch({"epoch": 2, "loss": 0.5}, 10)
    log.close()
    assert [record.getMessage().split("; ")[0] for record in caplog.records] == [
        f"{tmp_path}: the tracker mlflow is left out from here on (no server answers)"]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("loss")] == [1.0, 0.5]


def test_a_tracker_that_does_not_start_is_one_sentence(tmp_path, mlflow):
    def refuse(**_):
        raise MlflowException("no such store")

    mlflow.search_experiments = refuse
    with pytest.raises(UserError, match=r"--train\.tracker mlflow: it does not start \(no such store\)"):
        begin(tmp_path)


def test_a_package_that_is_not_there_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as where it is not installed
    with pytest.raises(UserError, match=r"--train\.tracker wandb: its package is not installed .*pip install wandb"):
        require_trackers(("tensorboard", "wandb"))


def test_the_true_mlflow_keeps_files(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for steps in (0, 1):
        (tmp_path / "run").mkdir(exist_ok=True)
        log = begin(tmp_path / "run", steps=steps, trackers=("mlflow",))
        for step in range(steps + 1, 3):
            log.steps({"step": step, "epoch": 1, "loss": 1 / step})
        log.close()
    runs = mlflow.search_runs(experiment_names=["vaer"], output_format="list")
    assert len(runs) == 1
    history = mlflow.MlflowClient().get_metric_history(runs[0].info.run_id, "step/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]
