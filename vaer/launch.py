"""Whether what the launcher started is what accelerate sees: else every process trains alone, or in slow motion."""

import os
from typing import Any

import torch
from accelerate import Accelerator

from vaer.config import Config
from vaer.cores import usable_cores
from vaer.errors import UserError

COUNTS = ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE",
          "MPI_LOCALNRANKS", "JSM_NAMESPACE_SIZE")
"""Where torchrun, Open MPI, MPICH and Intel MPI, MVAPICH and jsrun tell each process how many there are."""
SHARDING = {"FSDP": "ACCELERATE_USE_FSDP", "DEEPSPEED": "ACCELERATE_USE_DEEPSPEED",
            "MEGATRON_LM": "ACCELERATE_USE_MEGATRON_LM"}
"""What accelerate launch tells each process of a network that is cut into shards, by accelerate's own names."""
SPECIAL_STEPS = 0xFFFFFFF0  # from here on SLURM counts batch scripts and interactive shells, not what srun starts


def join_processes(**settings: Any) -> Accelerator:
    """The accelerator of this process, `settings` as of its class.

    Raises UserError where a launcher started more processes than accelerate joins into one run.
    """
    require_whole([name for name, variable in SHARDING.items() if _flag(variable)])
    if not torch.accelerator.is_available() and not _flag("ACCELERATE_USE_CPU"):
        require_one_run(1, "cpu")  # none are joined then, but looked for, which may take for ever
    accelerator = Accelerator(**settings)
    require_one_run(accelerator.num_processes, accelerator.device.type)
    return accelerator


def build_accelerator(config: Config) -> Accelerator:
    """The accelerator of this process; precision as the settings or else the launcher say."""
    try:
        accelerator = join_processes(mixed_precision=config.train.mixed_precision, step_scheduler_with_optimizer=False)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"--train.mixed_precision {config.train.mixed_precision}, or how this process was launched: "
                        f"{error}") from error
    require_precision(accelerator)
    if accelerator.device.type == "cpu":
        # Cores that decode do not compute: on two cores the demo trained at 33 clips/s so, at 24 otherwise.
        cores = usable_cores() // accelerator.num_processes - config.data.num_workers
        torch.set_num_threads(max(1, min(torch.get_num_threads(), cores)))
    return accelerator


def require_whole(asked: list[str]) -> None:
    """Refuse launches that cut the network into shards: of those no run is saved, and accelerate may not do it."""
    if asked:
        raise UserError(f"The launcher asks for {asked[0]}, which spreads the network's weights over processes; a run "
                        f"cannot be saved so: give accelerate launch configs/accelerate/many_gpus.yaml, and where "
                        f"memory is short --train.accumulation and --model.audio.gradient_checkpointing true.")


def require_one_run(joined: int, device: str) -> None:
    """Refuse a launch of more than the `joined` processes that accelerate knows, on this type of device."""
    for variable, count in {**{name: _number(name) for name in COUNTS}, **_slurm()}.items():
        if count is not None and count > joined:
            raise UserError(f"{variable} is {count}, and accelerate joins {joined} process{'es' * (joined > 1)}: "
                            f"{count} runs would work side by side on the same files; {_remedy(variable, device)}")


def require_precision(accelerator: Accelerator) -> None:
    """Refuse fp16 without a GPU, which accelerate passes over without a word."""
    if accelerator.mixed_precision == "fp16" and accelerator.device.type == "cpu":
        raise UserError(f"--train.mixed_precision fp16 (or that of the launcher): fp16 needs a GPU, and {without_gpu()}"
                        f"; give --train.mixed_precision no, which overrules the launcher.")


def device_warnings(accelerator: Accelerator) -> list[str]:
    """What a person who launched for a GPU must know of a run on the processor."""
    if accelerator.device.type != "cpu" or _flag("ACCELERATE_USE_CPU"):
        return []
    found = []
    if _flag("ACCELERATE_USE_CPU") is False:  # accelerate launch says either
        found.append(f"the launcher was set up for GPUs, and {without_gpu()}: this run trains on the processor")
    if accelerator.mixed_precision == "bf16":
        found.append(f"bf16 on the processor, where it is slow unless that has instructions for it, since "
                     f"{without_gpu()}; --train.mixed_precision no computes in fp32")
    return found


def without_gpu() -> str:
    """Why there is no GPU here, as part of a sentence."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch is built without GPU support"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "torch sees no GPU" + (f" (CUDA_VISIBLE_DEVICES is {hidden!r})" if hidden is not None else "")


def _slurm() -> dict[str, int | None]:
    """The tasks of the job step that this process is one of; nothing in a shell or script in which no step runs.

    salloc and sbatch tell the job's tasks to a shell too, of which there is one: only srun starts each task.
    """
    step, own = _number("SLURM_STEP_ID"), "SLURM_STEP_NUM_TASKS"
    if step is not None and step >= SPECIAL_STEPS:
        return {}
    if _number(own) is not None:
        return {own: _number(own)}
    script = os.environ.get("ENVIRONMENT") == "BATCH"  # a script of sbatch is task 0 of no step
    if step is None and (_number("SLURM_PROCID") is None or script):
        return {}
    return {name: _number(name) for name in ("SLURM_NTASKS", "SLURM_NPROCS")}


def _remedy(variable: str, device: str) -> str:
    if variable.startswith("SLURM"):
        return ("give srun one task for each machine (srun --ntasks-per-node=1 accelerate launch ...), or start the "
                f"command without srun; a process that shall work alone is started by env -u {variable}.")
    if device == "cpu" and not _flag("ACCELERATE_USE_CPU"):
        return (f"{without_gpu()}: start one process (accelerate launch --config_file configs/accelerate/cpu.yaml), "
                f"or set ACCELERATE_USE_CPU=true to let all train together on the processor; where nothing was "
                f"launched, unset {variable}.")
    return (f"start them by accelerate launch or torchrun, or one process alone; where nothing was launched, unset "
            f"{variable}.")


def _number(name: str) -> int | None:
    value = os.environ.get(name, "").strip()
    return int(value) if value.isdecimal() else None


def _flag(name: str) -> bool | None:
    value = os.environ.get(name, "").strip().lower()
    return None if not value else value in ("1", "true", "yes", "y", "on", "t")
