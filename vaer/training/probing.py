"""Heads fitted to convergence before all else learns, so that fine-tuning begins at the frozen solution."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from vaer.records import Batch
from vaer.training.losses import clip_losses

MOST_STEPS = 2000
TOLERANCE = 1e-7  # of the gradient of the mean loss
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""What is tried where the settings name no strength."""
GROUPS = 4
TRIED_STEPS = 200  # of each trial, which goes on from the weights of the strength before


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
    strength: float
    loss: float
    """Mean cross-entropy of these clips, weighted as it was fitted, without the penalty."""
    steps: int
    converged: bool

    def __str__(self) -> str:
        return (f"fitted to {self.clips} clips with strength {self.strength:g} in {self.steps} steps, loss "
                f"{self.loss:.3f}{'' if self.converged else ', NOT converged'}")


def fit_heads(network: nn.Module, batches: Iterable[Batch], accelerator: Accelerator, *, branches: list[str],
              strength: float | None, stopped: Callable[[], bool],
              class_weights: Tensor | None = None) -> dict[str, Fitted]:
    """Give the head of each of `branches` the weights of a logistic regression on its own embeddings.

    `batches` are this process's share of the training clips as evaluation sees them. Speaker norms of these branches
    are told of all clips first. Without `strength` each branch gets its own from `choose_strength`. A clip counts
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
        classes = len(bare.classes)
        own = strength or choose_strength(vectors, labels, speakers, classes, class_weights)
        weight, bias, found[name] = logistic_regression(vectors, labels, classes, own, class_weights)
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


def choose_strength(vectors: Tensor, labels: Tensor, speakers: Tensor, num_classes: int,
                    class_weights: Tensor | None = None) -> float:
    """The one of STRENGTHS whose regressions answer best for people whom they did not see.

    Speakers are dealt into GROUPS; each group is answered by a regression on the others, and the least mean
    cross-entropy wins. It stops where that rose twice running. With fewer speakers than groups, clips are dealt;
    one clip alone gets the weakest.
    """
    if len(labels) < 2:
        return STRENGTHS[0]
    vectors, labels = vectors.double().cpu(), labels.cpu()
    class_weights = None if class_weights is None else class_weights.double().cpu()
    places = speakers.cpu().unique(return_inverse=True)[1]
    groups = (places if places.max() >= GROUPS - 1 else torch.arange(len(labels))) % GROUPS
    learned, losses = {}, []
    for strength in STRENGTHS:
        losses.append(0.0)
        for group in groups.unique().tolist():
            learn = groups != group
            learned[group], bias, _ = logistic_regression(vectors[learn], labels[learn], num_classes, strength,
                                                          class_weights, start=learned.get(group),
                                                          most_steps=TRIED_STEPS)
            logits = vectors[~learn] @ learned[group].T + bias
            losses[-1] += clip_losses(logits, labels[~learn], class_weights=class_weights).sum().item()
        if len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]:  # stronger ones only know these speakers better
            break
    return STRENGTHS[losses.index(min(losses))]


def logistic_regression(vectors: Tensor, labels: Tensor, num_classes: int, strength: float,
                        class_weights: Tensor | None = None, *, start: Tensor | None = None,
                        most_steps: int = MOST_STEPS) -> tuple[Tensor, Tensor, Fitted]:
    """Weight (classes, dim) and bias (classes,), float64, of a multinomial logistic regression by L-BFGS.

    Minimises half the squared norm of the weight plus `strength` times the sum of cross-entropies, as scikit-learn's C.
    Cross-entropies count by `class_weights` (classes,), as by its class_weight. A class without clips keeps a weight of
    zeros. It begins at the weight `start`, or at zeros.
    """
    with torch.inference_mode(False), torch.enable_grad():
        vectors, labels = vectors.double().cpu().clone(), labels.cpu().clone()
        mean = vectors.mean(0)
        class_weights = None if class_weights is None else class_weights.double().cpu()
        centered = vectors - mean  # the bias takes it up: fewer steps to the same solution
        start = torch.zeros(num_classes, vectors.shape[1], dtype=torch.float64) if start is None else start.clone()
        weight = start.requires_grad_()
        bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=most_steps, tolerance_grad=TOLERANCE,
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
    return weight, bias - weight @ mean, Fitted(len(labels), strength, final, steps, steepest <= 10 * TOLERANCE)


def _loss(weight: Tensor, bias: Tensor, vectors: Tensor, labels: Tensor, class_weights: Tensor | None) -> Tensor:
    return clip_losses(vectors @ weight.T + bias, labels, class_weights=class_weights).mean()
