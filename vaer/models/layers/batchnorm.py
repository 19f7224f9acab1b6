"""Batch norm that is precise, and quick, where channels lie last in memory."""

from typing import Any

import torch
from torch import Tensor, nn


class BatchNorm(nn.BatchNorm3d):
    """A BatchNorm3d of (batch, channels, time, height, width) that learns on a processor as precisely as anywhere.

    With channels last torch adds up the values of a channel one by one in single precision: over 10^5 of them its
    result is off by 2e-5 of a deviation, 40 times as far as with channels first. It also takes four times as long.
    """

    def forward(self, values: Tensor) -> Tensor:
        """The normalised values."""
        count = values.numel() // values.shape[1]
        if not (self.training and values.device.type == "cpu" and values.dtype == torch.float32 and count > 1
                and values.is_contiguous(memory_format=torch.channels_last_3d)):
            return super().forward(values)
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        made, mean, variance = _Normalise.apply(values, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return made


class _Normalise(torch.autograd.Function):
    """The values by the mean and the variance of each channel, and these."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """The normalised values, their means, their variances."""
        rows = values.permute(0, 2, 3, 4, 1).flatten(0, 3)
        mean = rows.mean(0)
        variance = (rows - mean).square_().mean(0)
        made = torch.ops.aten.native_batch_norm(values, weight, bias, mean, variance, False, 0.0, eps)[0]
        ctx.save_for_backward(values, weight, mean, (variance + eps).rsqrt())
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return made, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """As torch differentiates a batch norm that learns."""
        values, weight, mean, scale = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last_3d)
        found = torch.ops.aten.native_batch_norm_backward(gradient, values, weight, mean, mean, mean, scale, True,
                                                          ctx.eps, [True, True, True])
        return (*found, None)
