"""Convolutions over space or over time alone, computed as the two-dimensional ones or matrix products that they are."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

NARROW = 128  # channels below which a convolution over time is quicker as a two-dimensional one


class FoldedConv3d(nn.Conv3d):
    """A Conv3d whose kernel is flat in space or in time: the same result, sooner.

    (batch, channels, time, height, width) with channels last in memory, as the result has them. Processors run the
    three-dimensional kernels of few channels up to ten times as slowly. Kernels over both run as ever.
    """

    def forward(self, values: Tensor) -> Tensor:
        """The convolved values."""
        return self.convolve(values, self.weight, self.bias)

    def convolve(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The result with another weight and bias of the same shapes."""
        values = values.contiguous(memory_format=torch.channels_last_3d)
        over_time, over_space = self.kernel_size[0] > 1, self.kernel_size[1:] != (1, 1)
        if over_time and over_space:
            # What is told of GemmConv1d, the gradient of this weight does, too.
            exact = torch.is_grad_enabled() and in_bf16(values)
            with torch.autocast("cpu", enabled=False) if exact else nullcontext():
                values, weight, bias = (part.float() if exact and part is not None else part
                                        for part in (values, weight, bias))
                return F.conv3d(values, weight, bias, self.stride, self.padding)  # type: ignore[arg-type]
        rows = values.permute(0, 2, 3, 4, 1)  # (batch, time, height, width, dim), as they lie in memory
        if over_space:
            made = self._over_space(rows, weight, bias)
        elif over_time:
            made = self._over_time(rows, weight, bias)
        else:
            moments, down, across = self.stride
            made = F.linear(rows[:, ::moments, ::down, ::across], weight.flatten(1), bias)
        return made.permute(0, 4, 1, 2, 3)

    def _over_space(self, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # In another order a batch of one gets strides that are not known for channels last, and is copied.
        images = rows.flatten(0, 1).permute(0, 3, 1, 2)  # (batch * time, dim, height, width)
        made = F.conv2d(images, weight.squeeze(2), bias, self.stride[1:], self.padding[1:])  # type: ignore[arg-type]
        return made.permute(0, 2, 3, 1).unflatten(0, rows.shape[:2])

    def _over_time(self, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernel = self.kernel_size[0]
        if self.stride[0] > 1 or self.out_channels < NARROW:
            image = rows.flatten(2, 3).permute(0, 3, 1, 2)  # (batch, dim, time, height * width)
            made = F.conv2d(image, weight.squeeze(4), bias, (self.stride[0], 1), (kernel // 2, 0))
            return made.permute(0, 2, 3, 1).unflatten(2, rows.shape[2:4])
        # Each tap's product, then their sum: the narrow results are moved in time, not the wide values.
        taps = weight.flatten(2).permute(2, 0, 1).flatten(0, 1)  # (kernel * out, in)
        made = SumOfTaps.apply(F.linear(rows, taps).unflatten(4, (kernel, -1)))
        return made if bias is None else made + bias


class GemmConv1d(nn.Conv1d):
    """A Conv1d of one group without padding, which a processor computes in bf16 as one matrix product.

    As quick there as the library's convolution, whose gradient of the weight (torch 2.14, AMX) now and then reads past
    its input: where NaN happens to lie, the gradient becomes NaN.
    """

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, channels, time)` convolved, in fewer steps of time."""
        if not in_bf16(values):
            return super().forward(values)
        rows = values.bfloat16().mT.contiguous()  # (batch, time, channels)
        windows = rows.unfold(1, self.kernel_size[0], self.stride[0])  # (batch, steps, channels, kernel)
        return F.linear(windows.flatten(2), self.weight.flatten(1), self.bias).mT


def in_bf16(values: Tensor) -> bool:
    """Whether a processor computes with `values` in bf16."""
    return (values.device.type == "cpu" and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16)


def as_products(module: nn.Module) -> None:
    """Compute plain one-dimensional convolutions of `module` as `GemmConv1d` does; weights and names stay."""
    for conv in module.modules():
        if type(conv) is nn.Conv1d and conv.groups == 1 and conv.padding == (0,) and conv.dilation == (1,):
            conv.__class__ = GemmConv1d


class SumOfTaps(torch.autograd.Function):
    """Products of each tap of a kernel over time, (batch, time, height, width, kernel, dim), to the sum at each time.

    The times before the first and after the last are zeros. Autograd's own slices would fill as many tensors of zeros.
    """

    @staticmethod
    def forward(ctx: Any, products: Tensor) -> Tensor:
        """The sum, (batch, time, height, width, dim)."""
        kernel = ctx.kernel = products.shape[4]
        made = products[..., kernel // 2, :].clone(memory_format=torch.contiguous_format)
        for tap, (here, there) in _moved(kernel):
            made[:, here] += products[:, there, ..., tap, :]
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """What each product is told: the gradient at the time that it was added to."""
        (gradient,) = gradients
        spread = gradient.new_zeros(*gradient.shape[:4], ctx.kernel, gradient.shape[4])
        spread[..., ctx.kernel // 2, :] = gradient
        for tap, (here, there) in _moved(ctx.kernel):
            spread[:, there, ..., tap, :] = gradient[:, here]
        return spread


def _moved(kernel: int) -> list[tuple[int, tuple[slice, slice]]]:
    """Every tap but the middle one, with the times that its products are added to, and those where they stand."""
    moved = []
    for tap in range(kernel):
        late = tap - kernel // 2
        if late < 0:
            moved.append((tap, (slice(-late, None), slice(None, late))))
        elif late > 0:
            moved.append((tap, (slice(None, -late), slice(late, None))))
    return moved


def convolve_and_norm(conv: FoldedConv3d, norm: nn.Module, values: Tensor) -> Tensor:
    """`norm(conv(values))`; where nothing learns, as one convolution with the scaled weight."""
    assert isinstance(norm, _BatchNorm)
    if norm.training or torch.is_grad_enabled():
        return norm(conv(values))
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return conv.convolve(values, conv.weight * scale[:, None, None, None, None],
                         norm.bias - norm.running_mean * scale)
