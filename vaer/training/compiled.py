"""Training through torch.compile: which parts run compiled, on waveforms of which lengths, and what it needs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from einops import rearrange
from torch import nn

from vaer.config import ClipConfig
from vaer.errors import RunError, UserError
from vaer.models.network import VAER

BACKEND = "inductor"
NUM_LENGTHS = 8
"""Into so many steps the longest window is cut; waveforms are padded to the next of them."""


def length_step(config: ClipConfig) -> int:
    """Samples to a multiple of which waveforms are padded, so that few lengths are met, and few are compiled for."""
    longest_s = config.max_seconds if config.window_s is None else config.window_s
    return max(1, -(-round(longest_s * config.sample_rate) // NUM_LENGTHS))


def require_compiler(device: torch.device) -> None:
    """Compile a line on this device; raises UserError where that fails, as without a C++ compiler."""
    with explained(UserError):
        torch.compile(_line, backend=BACKEND)(torch.ones(8, device=device))


def compile_parts(network: VAER, config: ClipConfig) -> str:
    """Let branches and fusion run compiled from their next pass on; a sentence that says so.

    In place, so that a state holds the same names as ever. What lies between them depends on what a batch holds (which
    rows have which modality) and runs as written.
    """
    for kind in (torch.zeros(1), nn.Parameter(torch.zeros(1))):
        rearrange(kind, "one -> one")  # einops meets both here: while they are compiled, all would begin anew
    # Within DistributedDataParallel torch would cut the graphs where it sends gradients, which it cannot here: in them
    # are functions with gradients of their own.
    torch._dynamo.config.optimize_ddp = False
    parts: dict[str, nn.Module | None] = {"video branch": network.video, "audio branch": network.audio,
                                          "fusion": network.fusion}
    there = {name: part for name, part in parts.items() if part is not None}
    for part in there.values():
        part.compile(backend=BACKEND)
    return (f"compiled: {', '.join(there)}; waveforms are padded to multiples of "
            f"{length_step(config) / config.sample_rate:.2f} s, and the first steps take longer")


def as_written(compiled: bool) -> AbstractContextManager[object]:
    """Inside the `with`, parts that are `compiled` run as written: for passes too few to compile for."""
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


@contextmanager
def explained(kind: type[UserError | RunError] = RunError) -> Iterator[None]:
    """Inside the `with`, what torch's compiler cannot do ends in a sentence."""
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        reason = " ".join(str(error).splitlines()[:2]).strip()  # some say in the first that it comes in the second
        raise kind(f"--train.compile true: torch.compile fails here ({reason}); install what it asks for (a C++ "
                   f"compiler such as g++; on GPUs Triton, too), or leave --train.compile out.") from error


def _line(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + values.cos()
