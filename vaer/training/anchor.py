"""Branches held near the weights that they started from."""

from typing import Any

import torch
from torch import Tensor

from vaer.models.network import VAER


class Anchor:
    """The weights that branches started from; saved and restored with the run.

    After L2-SP (Li et al. 2018, arXiv 1802.01483), for what both networks share; new parts have `train.weight_decay`
    alone.
    """

    def __init__(self, network: VAER, branches: list[str], strength: float) -> None:
        self.strength = strength
        self.parameters = {name: parameter for name, parameter in network.named_parameters()
                           if parameter.requires_grad and name.split(".")[0] in branches}
        self.start = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def penalty(self) -> Tensor:
        """Half the squared distance from the start, times the strength; a scalar with a gradient."""
        squares = [(parameter - self.start[name].to(parameter.device)).square().sum()
                   for name, parameter in self.parameters.items()]
        return self.strength / 2 * torch.stack(squares).sum()

    def state_dict(self) -> dict[str, Any]:
        """The start."""
        return self.start

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.start = dict(state)
