"""SlowFast networks for video recognition (Feichtenhofer 2019, arXiv 1812.03982), as tokens over time.

The layers are those of the paper's Table 1 in the widths, kernels and irregularities of the PySlowFast zoo; instead of
one vector for a clip, the mean over space is given for every point in time.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from vaer.config import VideoConfig, require
from vaer.models.layers.batchnorm import BatchNorm
from vaer.models.layers.convolution import FoldedConv3d, convolve_and_norm
from vaer.models.layers.drop_path import drop_rates, dropping
from vaer.models.layers.statistics import batch_norms, recompute_in_backward
from vaer.records import Tokens

MEAN = 0.45  # of each colour, on a scale of 0 to 1: PySlowFast's, for all its weights
STD = 0.225
FLOOR = 1e-6  # of the variance of a colour: a black clip stays finite
SLOW_TIME_KERNELS = (1, 1, 1, 3, 3)  # stem, res2 .. res5: the slow pathway convolves over time only near its end
FAST_TIME_KERNELS = (5, 3, 3, 3, 3)
SPATIAL_STRIDES = (1, 2, 2, 2)  # res2 .. res5
EXPANSION = 4  # a bottleneck's output is this many times as wide as its inner layers
LATERAL_RATIO = 2  # a lateral connection has this many times the fast pathway's channels


class Stem(nn.Module):
    """Frames to features at a quarter of their height and width.

    (batch, 3, time, height, width) -> (batch, width, time, height / 4, width / 4), sizes rounded up.
    """

    def __init__(self, *, dim: int, time_kernel: int) -> None:
        super().__init__()
        self.conv = FoldedConv3d(3, dim, (time_kernel, 7, 7), stride=(1, 2, 2), padding=(time_kernel // 2, 3, 3),
                                 bias=False)
        self.norm = BatchNorm(dim)

    def forward(self, inputs: Tensor) -> Tensor:
        """The features after convolution, norm, ReLU and max pooling."""
        values = F.relu(convolve_and_norm(self.conv, self.norm, inputs), inplace=True)
        return F.max_pool3d(values, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))


class Bottleneck(nn.Module):
    """A residual block: over time (a), over space (b), back to the full width (c).

    (batch, in_dim, time, height, width) -> (batch, 4 * inner_dim, time, height / stride, width / stride), rounded up.
    """

    def __init__(self, *, in_dim: int, inner_dim: int, time_kernel: int, stride: int, drop_path: float = 0.0) -> None:
        super().__init__()
        out_dim = EXPANSION * inner_dim
        self.conv_a = FoldedConv3d(in_dim, inner_dim, (time_kernel, 1, 1), padding=(time_kernel // 2, 0, 0),
                                   bias=False)
        self.norm_a = BatchNorm(inner_dim)
        self.conv_b = FoldedConv3d(inner_dim, inner_dim, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1),
                                   bias=False)
        self.norm_b = BatchNorm(inner_dim)
        self.conv_c = FoldedConv3d(inner_dim, out_dim, 1, bias=False)
        self.norm_c = BatchNorm(out_dim)
        self.drop_path = dropping(nn.Identity(), drop_path)
        self.shortcut = nn.Sequential()
        if in_dim != out_dim or stride != 1:
            self.shortcut.add_module("conv", FoldedConv3d(in_dim, out_dim, 1, stride=(1, stride, stride), bias=False))
            self.shortcut.add_module("norm", BatchNorm(out_dim))

    def forward(self, values: Tensor) -> Tensor:
        """The sum of the residual and the shortcut, after a ReLU."""
        residual = F.relu(convolve_and_norm(self.conv_a, self.norm_a, values), inplace=True)
        residual = F.relu(convolve_and_norm(self.conv_b, self.norm_b, residual), inplace=True)
        residual = self.drop_path(convolve_and_norm(self.conv_c, self.norm_c, residual))
        shortcut = convolve_and_norm(*self.shortcut, values) if len(self.shortcut) else values
        return F.relu(residual.add_(shortcut), inplace=True)


class Lateral(nn.Module):
    """What the slow pathway is told by the fast one, at the slow rate.

    (batch, fast_dim, time, height, width) -> (batch, 2 * fast_dim, time / alpha, height, width).
    """

    def __init__(self, *, fast_dim: int, kernel: int, alpha: int) -> None:
        super().__init__()
        # An odd kernel padded by its half gives ceil(time / alpha) steps: the slow rate, whatever the kernel.
        self.conv = FoldedConv3d(fast_dim, LATERAL_RATIO * fast_dim, (kernel, 1, 1), stride=(alpha, 1, 1),
                                 padding=(kernel // 2, 0, 0), bias=False)
        self.norm = BatchNorm(LATERAL_RATIO * fast_dim)

    def forward(self, fast: Tensor) -> Tensor:
        """The fast features after a strided convolution over time, norm and ReLU."""
        return F.relu(convolve_and_norm(self.conv, self.norm, fast), inplace=True)


class Pathway(nn.Module):
    """The layers of one pathway: `stem` and four `stages` of bottleneck blocks.

    `lateral_dims` says how many channels join the input of each stage; `temporal_blocks`, how many blocks of the third
    stage convolve over time (the rest of them, in the 101-layer networks, do not); `drop_path`, how often a clip goes
    without the last block.
    """

    def __init__(self, *, width: int, time_kernels: tuple[int, ...], lateral_dims: list[int], blocks: list[int],
                 temporal_blocks: int, drop_path: float) -> None:
        super().__init__()
        self.stem = Stem(dim=width, time_kernel=time_kernels[0])
        self.stages, rates = nn.ModuleList(), iter(drop_rates(drop_path, sum(blocks)))
        for stage, num_blocks in enumerate(blocks):
            inner_dim = width * 2**stage
            in_dim = stage_inputs(width)[stage] + lateral_dims[stage]
            layers = nn.Sequential()
            for block in range(num_blocks):
                over_time = stage != 2 or block < temporal_blocks
                layers.append(Bottleneck(in_dim=EXPANSION * inner_dim if block else in_dim, inner_dim=inner_dim,
                                         time_kernel=time_kernels[stage + 1] if over_time else 1,
                                         stride=1 if block else SPATIAL_STRIDES[stage], drop_path=next(rates)))
            self.stages.append(layers)
        self.out_dim = EXPANSION * inner_dim


class SlowFast(nn.Module):
    """Two pathways over the same frames, one seldom and wide, one often and narrow, joined by lateral connections.

    `config` is a resolved section of the settings. `out_dim` is the width of the tokens: the slow pathway's columns
    come first.
    """

    def __init__(self, *, config: VideoConfig) -> None:
        super().__init__()
        assert config.width is not None, "the preset is not filled in: call vaer.config.resolve first"
        require(config.pathways == "slow" or config.width % config.beta_inv == 0,
                f"--model.video.width {config.width} is not a multiple of --model.video.beta_inv {config.beta_inv}.")
        self.config = config
        fast_width = config.width // config.beta_inv
        lateral_dims = [0] * 4
        if config.pathways == "both":
            lateral_dims = [LATERAL_RATIO * dim for dim in stage_inputs(fast_width)]
        shared = {"blocks": config.blocks, "drop_path": 0.0 if config.freeze else config.drop_path}
        self.slow = self.fast = None
        if config.pathways != "fast":
            self.slow = Pathway(width=config.width, time_kernels=SLOW_TIME_KERNELS, lateral_dims=lateral_dims,
                                temporal_blocks=config.slow_temporal_blocks, **shared)
        if config.pathways != "slow":
            self.fast = Pathway(width=fast_width, time_kernels=FAST_TIME_KERNELS, lateral_dims=[0] * 4,
                                temporal_blocks=config.fast_temporal_blocks, **shared)
        self.laterals = nn.ModuleList()
        if config.pathways == "both":
            self.laterals.extend(Lateral(fast_dim=dim, kernel=config.fusion_kernel, alpha=config.alpha)
                                 for dim in stage_inputs(fast_width))
        self.out_dim = sum(pathway.out_dim for pathway in self._pathways())
        initialise(self)
        self.requires_grad_(not config.freeze)
        self.train()

    def forward(self, frames: Tensor, frame_times: Tensor) -> Tokens:
        """Tokens of frames (batch, time, height, width, 3) uint8, shown at `frame_times` (batch, time) s.

        The tokens stand at the times of the frames; each holds the slow features of the nearest slow time, then the
        fast ones. With `pathways slow` they stand at the slow times. All are real. The number of frames is a
        multiple of alpha, except with `pathways fast`.
        """
        inputs = normalise(frames, standardize=self.config.standardize)
        if self.slow is None:
            return tokens(self._one(self.fast, inputs), frame_times)
        index = slow_index(frames.shape[1], self.config.alpha).to(frames.device)
        slow_times = frame_times[:, index]
        if self.fast is None:
            return tokens(self._one(self.slow, inputs[:, :, index]), slow_times)
        slow, fast = self._both(inputs, index)
        nearest = nearest_index(frame_times, slow_times)  # (batch, time)
        slow = slow.take_along_dim(nearest.unsqueeze(2), dim=1)  # (batch, time, slow dim)
        return tokens(torch.cat((slow, fast), dim=2), frame_times)

    def layers(self) -> list[list[nn.Module]]:
        """Five groups of modules from the input to the output (stems, res2 .. res5) that hold every weight once."""
        pathways = self._pathways()
        groups: list[list[nn.Module]] = [[pathway.stem for pathway in pathways]]
        groups += [[pathway.stages[stage] for pathway in pathways] for stage in range(4)]
        for group, lateral in zip(groups, self.laterals, strict=False):  # there are four, or none
            group.append(lateral)
        return groups

    def train(self, mode: bool = True) -> "SlowFast":
        """Training mode as usual, but statistics that the settings freeze stay in evaluation mode."""
        super().train(mode)
        if self.config.freeze or self.config.freeze_batchnorm:
            for norm in batch_norms(self):
                norm.eval()
        return self

    def _pathways(self) -> list[Pathway]:
        return [pathway for pathway in (self.slow, self.fast) if pathway is not None]

    def _one(self, pathway: Pathway, inputs: Tensor) -> Tensor:
        values = self._run(pathway.stem, inputs)
        for stage in pathway.stages:
            values = self._stage(stage, values)
        return mean_over_space(values)

    def _both(self, inputs: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        fast = self._run(self.fast.stem, inputs)
        slow = self._run(self.slow.stem, inputs[:, :, index])
        for lateral, slow_stage, fast_stage in zip(self.laterals, self.slow.stages, self.fast.stages, strict=True):
            slow = self._stage(slow_stage, torch.cat((slow, lateral(fast)), dim=1))
            fast = self._stage(fast_stage, fast)
        return mean_over_space(slow), mean_over_space(fast)

    def _stage(self, blocks: nn.Sequential, values: Tensor) -> Tensor:
        for block in blocks:
            values = self._run(block, values)
        return values

    def _run(self, module: nn.Module, values: Tensor) -> Tensor:
        if self.config.gradient_checkpointing and self.training and torch.is_grad_enabled():
            return recompute_in_backward(module, values, random=self.config.drop_path > 0)
        return module(values)


def stage_inputs(width: int) -> list[int]:
    """Channels that a pathway of stem width `width` brings to the inputs of its four stages."""
    return [width, *(EXPANSION * width * 2**stage for stage in range(3))]


def slow_index(num_frames: int, alpha: int) -> Tensor:
    """Which frames the slow pathway sees, (num_frames / alpha,): evenly spread from first to last, rounded down.

    As PySlowFast takes them (`linspace`, then `long`), in whole numbers, so that all devices agree.
    """
    require(num_frames > 0 and num_frames % alpha == 0,
            f"the slow pathway cannot be made of {num_frames} frames: set --data.num_frames to a multiple of "
            f"--model.video.alpha {alpha}.")
    num_slow = num_frames // alpha
    return torch.arange(num_slow) * (num_frames - 1) // max(1, num_slow - 1)


def nearest_index(times: Tensor, slow_times: Tensor) -> Tensor:
    """Where the nearest of `slow_times` (batch, slow time) stands, for each of `times` (batch, time)."""
    apart_s = rearrange(times, "batch time -> batch time 1") - rearrange(slow_times, "batch slow -> batch 1 slow")
    return apart_s.abs().argmin(dim=2)


def normalise(frames: Tensor, *, standardize: bool = False) -> Tensor:
    """Frames (batch, time, height, width, 3) uint8 as the network takes them, (batch, 3, time, height, width).

    `standardize` gives each colour of a clip mean 0 and deviation 1.
    """
    inputs = rearrange(frames, "batch time height width colour -> batch colour time height width") / 255
    if not standardize:
        return inputs.sub_(MEAN).div_(STD)
    variance, mean = torch.var_mean(inputs, dim=(2, 3, 4), keepdim=True, correction=0)
    return inputs.sub_(mean).mul_((variance + FLOOR).rsqrt())


def mean_over_space(values: Tensor) -> Tensor:
    """Features (batch, dim, time, height, width) averaged to (batch, time, dim)."""
    return rearrange(values.mean(dim=(3, 4)), "batch dim time -> batch time dim")


def tokens(values: Tensor, times: Tensor) -> Tokens:
    """All of `values` (batch, time, dim) as real tokens at `times` (batch, time) s."""
    return Tokens(values, times, torch.ones_like(times, dtype=torch.bool))


def initialise(module: nn.Module) -> None:
    """He's normal initialisation by fan out; blocks with an identity shortcut start as the identity.

    arXiv 1706.02677, 5.1. PySlowFast starts the residual of every block at zero, those that change the width too.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        # Zeros beside a projection hide a stage's 3x3 and temporal kernels at first: in `tiny`, where every block
        # projects, the training loss of an 8-class motion task after 60 steps of 16 clips was 1.9 so, 1.6 with ones.
        elif isinstance(part, Bottleneck) and len(part.shortcut) == 0:
            nn.init.zeros_(part.norm_c.weight)
