"""Passes through batch norm that leave its running statistics as they were."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Every batch norm inside `module`, of any dimension, synchronised or not."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def synchronised(module: nn.Module) -> nn.Module:
    """The module with batch norms whose statistics are those of all processes; timm's keep their activation."""
    from timm.layers import convert_sync_batchnorm  # torch's own conversion drops what timm's norms do beside

    return convert_sync_batchnorm(module)


def averaged(module: nn.Module, decay: float) -> nn.Module:
    """The running average of a module's weights and buffers, which `update(module)` moves by 1 - `decay`."""
    from timm.utils import ModelEmaV3  # timm takes a second to load, which runs that do not average need not wait for

    return ModelEmaV3(module, decay=decay)


@contextmanager
def keep_statistics(module: nn.Module) -> Iterator[None]:
    """Inside the `with`, batch norms normalise as ever, but what they learn of running statistics is forgotten."""
    kept = [(norm, name, buffer) for norm in batch_norms(module) for name, buffer in norm.named_buffers(recurse=False)]
    # Copies are updated in place of the true ones. Switching the tracking off instead changes what autograd saves,
    # and checkpointing then refuses the recomputation.
    for norm, name, buffer in kept:
        setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, name, buffer in kept:
            setattr(norm, name, buffer)


def recompute_in_backward(module: nn.Module, values: Tensor, *, random: bool = False) -> Tensor:
    """`module(values)`, whose activations are computed again in the backward pass instead of being stored.

    Gradients are those of the plain call; running statistics learn from the first computation alone. Where the module
    draws at `random`, it draws the same again.
    """
    return checkpoint(module, values, use_reentrant=False, preserve_rng_state=random,
                      context_fn=lambda: (nullcontext(), keep_statistics(module)))
