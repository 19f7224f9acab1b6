"""What a launcher tells its processes, compared with what accelerate makes of it."""

import dataclasses

import pytest
import torch
from makers import tiny_config

from vaer.config import TrainConfig
from vaer.errors import UserError
from vaer.evaluation.options import Options
from vaer.evaluation.run import evaluate
from vaer.launch import COUNTS, device_warnings, join_processes, require_one_run
from vaer.training.run import build_accelerator, train

LAUNCHERS = ("SLURM_", "PMI_", "OMPI_", "MV2_", "ACCELERATE_", "CUDA_VISIBLE")


@pytest.fixture
def launched(fresh_accelerator, monkeypatch):
    """An environment of these variables alone, on a machine without a GPU."""
    import os

    for name in [*COUNTS, "RANK", "LOCAL_RANK", "ENVIRONMENT", *(n for n in os.environ if n.startswith(LAUNCHERS))]:
        monkeypatch.delenv(name, raising=False)
    for module in (torch.cuda, torch.accelerator):
        monkeypatch.setattr(module, "is_available", lambda: False)

    def launch(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return launch


@pytest.mark.parametrize(("variables", "named"), [
    ({"WORLD_SIZE": "5", "RANK": "3", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "5"}, "WORLD_SIZE is 5"),
    ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2"),
    ({"LOCAL_WORLD_SIZE": "4"}, "LOCAL_WORLD_SIZE is 4"),
    ({"PMI_SIZE": "3", "PMI_RANK": "0"}, "PMI_SIZE is 3"),
    ({"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "7"}, "OMPI_COMM_WORLD_SIZE is 8"),
    ({"MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_RANK": "1"}, "MV2_COMM_WORLD_SIZE is 2"),
    ({"MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "1"}, "MPI_LOCALNRANKS is 2"),
    ({"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_STEP_ID": "0"}, "SLURM_NTASKS is 4"),
    ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, "SLURM_NTASKS is 4"),
    ({"SLURM_NPROCS": "4", "SLURM_PROCID": "1"}, "SLURM_NPROCS is 4"),
    ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_ID": "1", "SLURM_STEP_NUM_TASKS": "2",
      "ENVIRONMENT": "BATCH"}, "SLURM_STEP_NUM_TASKS is 2")])
def test_processes_that_would_each_train_alone_are_refused(launched, variables, named):
    launched(**variables)
    with pytest.raises(UserError, match=rf"{named}, and accelerate joins 1 process: .*start.*(unset|env -u) \w+"):
        join_processes()


@pytest.mark.parametrize("variables", [
    {}, {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_WORLD_SIZE": "1"}, {"WORLD_SIZE": ""},
    {"WORLD_SIZE": "auto"}, {"PMI_SIZE": "1", "OMPI_COMM_WORLD_SIZE": "1"},
    {"SLURM_NTASKS": "8", "SLURM_NPROCS": "8", "SLURM_JOB_ID": "1"},  # the shell of salloc
    {"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "ENVIRONMENT": "BATCH"},  # a script of sbatch
    {"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967290"},  # salloc's shell as a step
    {"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967291", "SLURM_STEP_NUM_TASKS": "8"},
    {"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"},  # srun --pty bash
    {"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}])
def test_one_process_in_a_shell_a_script_or_a_step_of_one_task_may_train(launched, variables):
    launched(**variables)
    assert join_processes().num_processes == 1


def test_processes_that_accelerate_joins_may_train(launched, monkeypatch):
    launched(WORLD_SIZE="4", LOCAL_WORLD_SIZE="2", SLURM_NTASKS="2", SLURM_PROCID="1", SLURM_STEP_ID="0")
    require_one_run(4, "cuda")
    monkeypatch.setenv("SLURM_NTASKS", "16")  # sixteen launchers of four processes each
    with pytest.raises(UserError, match="SLURM_NTASKS is 16, and accelerate joins 4 processes: 16 runs"):
        require_one_run(4, "cuda")


def test_training_and_scoring_ask_before_anything_is_written(launched, tmp_path):
    launched(WORLD_SIZE="2")
    with pytest.raises(UserError, match="WORLD_SIZE is 2"):
        train(dataclasses.replace(tiny_config(), output=str(tmp_path / "run")))
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="WORLD_SIZE is 2"):
        evaluate([], Options())


@pytest.mark.parametrize("variables", [{}, {"ACCELERATE_USE_CPU": "true"}, {"ACCELERATE_USE_CPU": "False"}])
def test_fp16_without_a_gpu_is_refused(launched, variables):
    launched(**variables, ACCELERATE_MIXED_PRECISION="fp16")
    with pytest.raises(UserError, match=r"fp16 needs a GPU, and t.*; give --train\.mixed_precision no"):
        build_accelerator(tiny_config())


@pytest.mark.parametrize("variables", [{"ACCELERATE_MIXED_PRECISION": "bf16"}, {"ACCELERATE_MIXED_PRECISION": "no"}])
@pytest.mark.parametrize("asked", ["fp16", "no"])
def test_the_setting_overrules_the_launcher(launched, variables, asked):
    launched(**variables, ACCELERATE_USE_CPU="false")
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    config = dataclasses.replace(tiny_config(), train=TrainConfig(mixed_precision=asked))
    if asked == "fp16":
        with pytest.raises(UserError, match=r"--train\.mixed_precision fp16"):
            build_accelerator(config)
    else:
        assert build_accelerator(config).mixed_precision == "no"


@pytest.mark.parametrize(("variables", "told"), [
    ({"ACCELERATE_USE_CPU": "False", "ACCELERATE_MIXED_PRECISION": "bf16"}, ["set up for GPUs", "bf16 on the proc"]),
    ({"ACCELERATE_USE_CPU": "false", "CUDA_VISIBLE_DEVICES": "0"}, ["set up for GPUs, and t"]),
    ({"ACCELERATE_MIXED_PRECISION": "bf16"}, ["bf16 on the processor"]),
    ({"ACCELERATE_USE_CPU": "true", "ACCELERATE_MIXED_PRECISION": "bf16"}, []), ({}, [])])
def test_a_run_that_lands_on_the_processor_is_said_where_a_gpu_was_meant(launched, variables, told):
    launched(**variables)
    found = device_warnings(join_processes())
    assert len(found) == len(told)
    assert all(part in line for part, line in zip(told, found, strict=True))


@pytest.mark.parametrize(("variables", "named"), [
    ({"ACCELERATE_USE_FSDP": "true"}, "FSDP"), ({"ACCELERATE_USE_FSDP": "1", "FSDP_VERSION": "2"}, "FSDP"),
    ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DEEPSPEED"),
    ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "MEGATRON_LM")])
def test_a_launch_that_cuts_the_network_into_shards_is_refused(launched, variables, named):
    """accelerate passes over FSDP on the processor without a word."""
    launched(**variables, ACCELERATE_USE_CPU="true")
    with pytest.raises(UserError, match=rf"asks for {named}.*many_gpus\.yaml"):
        build_accelerator(tiny_config())


def test_a_launcher_that_says_no_to_sharding_is_obeyed(launched):
    launched(ACCELERATE_USE_FSDP="false", ACCELERATE_USE_CPU="true")
    assert build_accelerator(tiny_config()).num_processes == 1
