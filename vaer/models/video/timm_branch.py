"""The video branch with an image network of timm on each frame and attention over time behind it."""

import torch
from einops import rearrange
from torch import Tensor, nn

from vaer.config import VideoConfig
from vaer.errors import UserError, first_line
from vaer.models.layers.statistics import batch_norms
from vaer.models.layers.time_encoding import time_encoding
from vaer.models.layers.transformer import TransformerLayer
from vaer.models.video.slowfast import normalise, tokens
from vaer.records import Tokens

DROPOUT = 0.1  # inside the attention over time
ANY_SIZE = ({"dynamic_img_size": True, "dynamic_img_pad": True}, {"dynamic_img_size": True}, {})
"""What lets a vision transformer take frames of another size than its own, as far as its family knows it."""


class TimmBranch(nn.Module):
    """Tokens of frames: the vector before the image network's classifier, then transformer layers over the clip.

    `config` is a resolved section of the settings. Without layers a token is that vector as it is. `network.*` has the
    names that timm gives, and colours are scaled as its published weights are used to.
    """

    def __init__(self, *, config: VideoConfig) -> None:
        super().__init__()
        assert config.network is not None, "the network is not filled in: call vaer.config.resolve first"
        self.config = config
        # frames come with their colours last: weights that lie so, too, save a copy of them in every layer
        self.network = build_network(config.network).to(memory_format=torch.channels_last)
        self.sizes: set[tuple[int, ...]] = set()  # of frames that it was seen to take
        scale = self.network.pretrained_cfg
        for name in ("mean", "std"):  # derived from the name: no part of the weights
            self.register_buffer(name, torch.tensor(scale[name]), persistent=False)
        self.momenta = [norm.momentum for norm in batch_norms(self.network)]
        if config.gradient_checkpointing:
            enable_checkpointing(self.network, config.network)
        # of the vector before the classifier; a few networks have no layer there and do not name it
        width = getattr(self.network, "head_hidden_size", self.network.num_features)
        self.out_dim: int = config.dim if config.layers else width
        self.enter, self.norm = nn.Identity(), nn.Identity()
        self.time = nn.ModuleList([TransformerLayer(dim=config.dim, heads=config.heads, dropout=DROPOUT)
                                   for _ in range(config.layers)])
        if config.layers:
            self.enter = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.dim))
            self.norm = nn.LayerNorm(config.dim)
        self.requires_grad_(not config.freeze)
        if config.freeze_network:
            self.network.requires_grad_(False)
        self.train()

    def forward(self, frames: Tensor, frame_times: Tensor) -> Tokens:
        """Tokens of frames (batch, time, height, width, 3) uint8, shown at `frame_times` (batch, time) s; all are real.

        Raises UserError where the network does not take frames of this size.
        """
        self._require_size(tuple(frames.shape[2:4]))
        new = torch.ones_like(frame_times, dtype=torch.bool)  # (batch, time)
        new[:, 1:] = frame_times.diff(dim=1) != 0  # a frame that is shown for several moments is encoded once
        if new.all():
            values = rearrange(self._encode(self._scaled(frames)), "(batch time) dim -> batch time dim",
                               batch=len(frames))
        else:
            scaled = rearrange(self._scaled(frames), "(batch time) ... -> batch time ...", batch=len(frames))
            values = self._encode(scaled[new])[new.flatten().cumsum(0) - 1].view(*new.shape, -1)
        made = tokens(self.enter(values), frame_times)
        if len(self.time):
            values = made.values + time_encoding(frame_times, self.out_dim)
            for layer in self.time:
                values, _ = layer(values, made.mask)
            made = made._replace(values=self.norm(values))
        return made

    def layers(self) -> list[list[nn.Module]]:
        """timm's own groups for rates per layer, from input to output, then the attention over time, if any.

        They are lists of parameters: timm groups by name, and class tokens and positions belong to no module alone.
        The few networks for which timm has no groups (PoolFormer, PiT) are one.
        """
        from timm.models._manipulate import group_parameters  # what timm's param_groups_layer_decay is made of

        found: list[list[nn.Module]] = [[self.network]]
        if hasattr(self.network, "group_matcher"):
            groups = group_parameters(self.network, self.network.group_matcher(coarse=False), return_values=True)
            found = [[nn.ParameterList(groups[number])] for number in sorted(groups)]
        return [*found, [self.enter, self.time, self.norm]] if len(self.time) else found

    def train(self, mode: bool = True) -> "TimmBranch":
        """Training mode as usual, but what the settings freeze stays in evaluation mode."""
        super().train(mode and not self.config.freeze)
        if self.config.freeze_network:
            self.network.eval()
        if self.config.freeze_batchnorm:
            for norm in batch_norms(self):
                norm.eval()
        return self

    def _scaled(self, frames: Tensor) -> Tensor:
        """(batch * time, 3, height, width) as the network takes them."""
        if self.config.standardize:
            return rearrange(normalise(frames, standardize=True),
                             "batch colour time height width -> (batch time) colour height width")
        scaled = (frames / 255 - self.mean) / self.std
        return rearrange(scaled, "batch time height width colour -> (batch time) colour height width")

    def _encode(self, frames: Tensor) -> Tensor:
        """(frames, dim). What runs again in the backward pass leaves the running statistics alone."""
        if not self.config.gradient_checkpointing:
            return self.network(frames)
        norms = batch_norms(self.network)
        for norm, momentum in zip(norms, self.momenta, strict=True):
            norm.momentum = momentum
        values = self.network(frames)
        for norm in norms:
            norm.momentum = 0.0  # until the next call: recomputed layers would learn the same batch twice
        return values

    def _require_size(self, size: tuple[int, ...]) -> None:
        """Try frames of a new size on a copy without memory: what transformers cannot take ends deep inside of them."""
        scale = self.network.pretrained_cfg
        if size in self.sizes or not scale.get("fixed_input_size", False):
            return
        try:
            with torch.device("meta"), torch.inference_mode():
                build_network(self.config.network).eval()(torch.empty(1, 3, *size))
        except (AssertionError, RuntimeError, ValueError) as error:
            own = scale["input_size"][1]
            raise UserError(f"--data.size {size[0]}: --model.video.network {self.config.network} takes no frames of "
                            f"{size[0]} x {size[1]} pixels ({first_line(error)}); give --data.size {own}, for "
                            f"which it is made, or choose another network.") from error
        self.sizes.add(size)


def build_network(name: str) -> nn.Module:
    """The image network `name` of timm, random, without classifier, for frames of any size as far as it can.

    Raises UserError for a name that timm does not know.
    """
    import timm  # a second, which other branches need not pay

    flag = f"--model.video.network {name}"
    if ":" in name or "/" in name:
        raise UserError(f"{flag} is no name of timm's; give one such as resnet50, and weights by "
                        f"--model.video.pretrained.")
    for options in ANY_SIZE:
        try:
            return timm.create_model(name, num_classes=0, **options)
        except TypeError:  # this family has no such option
            continue
        except (RuntimeError, ValueError, KeyError) as error:
            near = timm.list_models(f"*{name.split('.')[0][:6]}*")[:3]
            hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() has all names."
            raise UserError(f"{flag}: timm does not build it ({first_line(error)}); {hint}") from error
    raise AssertionError("the last options are none")


def enable_checkpointing(network: nn.Module, name: str) -> None:
    """Let `network` recompute in the backward pass; raises UserError where timm has not taught it."""
    try:
        network.set_grad_checkpointing(True)
    except (AttributeError, AssertionError) as error:
        raise UserError(f"--model.video.gradient_checkpointing: timm's {name} cannot recompute its activations; leave "
                        f"it out.") from error
