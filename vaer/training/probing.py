"""Heads fitted before all else learns, so that fine-tuning begins at the frozen solution."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from vaer.records import Batch
from vaer.training.discriminant import fit_discriminant
from vaer.training.losses import clip_losses

MOST_STEPS = 2000
TOLERANCE = 1e-7  # of the gradient of the mean loss


class Features(NamedTuple):
    """What one head answers from, of all clips of all processes that have its modality."""

    vectors: Tensor
    """(clips, dim) float32."""
    labels: Tensor
    """(clips,)."""
    speakers: Tensor
    """(clips,): places of the speakers."""


class Fitted(NamedTuple):
    """How a head came out."""

    clips: int
    loss: float
    """Mean cross-entropy of these clips, weighted as it was fitted, without the penalty."""
    how: str

    def __str__(self) -> str:
        return f"fitted to {self.clips} clips {self.how}, loss {self.loss:.3f}"


def fit_heads(network: nn.Module, batches: Iterable[Batch], accelerator: Accelerator, *, branches: list[str],
              strength: float | None, stopped: Callable[[], bool],
              class_weights: Tensor | None = None) -> dict[str, Fitted]:
    """Give the head of each of `branches` the weights of a classifier that is fitted to its own embeddings.

    `batches` are this process's share of the training clips as evaluation sees them. Speaker norms of these branches
    are told of all clips first. Without `strength` it is a `discriminant`, else a logistic regression. A clip counts
    by the weight of its class, of `class_weights` (classes,). Nothing is fitted where `stopped` says so on the way, nor
    for a branch whose modality no clip has.
    """
    bare, found = accelerator.unwrap_model(network), {}
    features = embed(bare, batches, accelerator, branches, stopped)
    if accelerator.check_trigger():  # a signal may reach one process alone
        accelerator.set_trigger()
        return {}
    for name, (vectors, labels, speakers) in features.items():
        if not len(labels):
            continue
        if name in bare.norms:
            norm = bare.norms[name]
            sums = norm.sums_of(vectors, speakers, torch.ones_like(labels), len(norm.memory.sums))
            norm.learn(sums)
            vectors = norm.by(vectors, sums[speakers])
        classifier = getattr(bare, f"{name}_head").classifier
        if strength is None:
            weight, bias, found[name] = discriminant(vectors, labels, speakers, len(bare.classes), class_weights)
        else:
            weight, bias, found[name] = logistic_regression(vectors, labels, len(bare.classes), strength, class_weights)
        with torch.no_grad():  # the same on all processes to the last bit
            classifier.weight.copy_(broadcast(weight.to(classifier.weight)))
            classifier.bias.copy_(broadcast(bias.to(classifier.bias)))
    return found


@torch.inference_mode()
def embed(bare: nn.Module, batches: Iterable[Batch], accelerator: Accelerator, branches: list[str],
          stopped: Callable[[], bool]) -> dict[str, Features]:
    """The features of each branch, of the clips of all processes in the order of their ids."""
    bare.eval()
    ids, facts = [], {name: [] for name in branches}
    for batch in batches:
        if stopped():
            break
        embedded = bare(batch).embedded
        ids.append(torch.stack([batch.ids, batch.labels, batch.speakers], dim=1))
        for name in branches:
            present = embedded.present[name].unsqueeze(1)
            facts[name].append(torch.cat([present, embedded.vectors[name].float()], dim=1))
    about = _gathered(ids, 3, torch.int64, accelerator)
    order = about[:, 0].argsort()  # without regard to which process read which clip
    found = {}
    for name in branches:
        dim = getattr(bare, f"{name}_head").out_dim
        rows = _gathered(facts[name], 1 + dim, torch.float32, accelerator)[order]
        there = rows[:, 0] > 0
        found[name] = Features(rows[there, 1:], about[order, 1][there], about[order, 2][there])
    return found


def _gathered(parts: list[Tensor], width: int, dtype: torch.dtype, accelerator: Accelerator) -> Tensor:
    """The rows of all processes, of which some may have fewer or none; each row begins with what is not negative."""
    mine = torch.cat([torch.zeros(0, width, dtype=dtype, device=accelerator.device), *parts])
    rows = accelerator.gather(accelerator.pad_across_processes(mine, pad_index=-1))
    return rows[rows[:, 0] >= 0]


def discriminant(vectors: Tensor, labels: Tensor, speakers: Tensor, num_classes: int,
                 class_weights: Tensor | None = None) -> tuple[Tensor, Tensor, Fitted]:
    """Weight (classes, dim) and bias (classes,), float64, of `fit_discriminant`."""
    vectors, labels = vectors.double().cpu(), labels.cpu()
    class_weights = None if class_weights is None else class_weights.double().cpu()
    weight, bias, shrinkage, left_out = fit_discriminant(vectors, labels, speakers, num_classes, class_weights)
    loss = _loss(weight, bias, vectors, labels, class_weights).item()
    of_others = "" if left_out is None else f" ({left_out:.3f} for clips left out in turn)"
    return weight, bias, Fitted(len(labels), loss, f"with shrinkage {shrinkage:g}{of_others}")


def logistic_regression(vectors: Tensor, labels: Tensor, num_classes: int, strength: float,
                        class_weights: Tensor | None = None) -> tuple[Tensor, Tensor, Fitted]:
    """Weight (classes, dim) and bias (classes,), float64, of a multinomial logistic regression by L-BFGS.

    Minimises half the squared norm of the weight plus `strength` times the sum of cross-entropies, as scikit-learn's C.
    Cross-entropies count by `class_weights` (classes,), as by its class_weight. A class without clips keeps a weight of
    zeros.
    """
    with torch.inference_mode(False), torch.enable_grad():
        vectors, labels = vectors.double().cpu().clone(), labels.cpu().clone()
        mean = vectors.mean(0)
        class_weights = None if class_weights is None else class_weights.double().cpu()
        centered = vectors - mean  # the bias takes it up: fewer steps to the same solution
        weight = torch.zeros(num_classes, vectors.shape[1], dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=MOST_STEPS, tolerance_grad=TOLERANCE,
                                      tolerance_change=0.0, history_size=20, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            penalty = weight.square().sum() / (2 * strength * len(labels))
            total = _loss(weight, bias, centered, labels, class_weights) + penalty
            total.backward()
            return total

        optimizer.step(loss)
        loss()
        steepest = max(part.grad.abs().max().item() for part in (weight, bias))
        steps = optimizer.state[weight]["n_iter"]
        final = _loss(weight, bias, centered, labels, class_weights).item()
    weight, bias = weight.detach(), bias.detach()
    how = f"with strength {strength:g} in {steps} steps{'' if steepest <= 10 * TOLERANCE else ', NOT converged'}"
    return weight, bias - weight @ mean, Fitted(len(labels), final, how)


def _loss(weight: Tensor, bias: Tensor, vectors: Tensor, labels: Tensor, class_weights: Tensor | None) -> Tensor:
    return clip_losses(vectors @ weight.T + bias, labels, class_weights=class_weights).mean()
