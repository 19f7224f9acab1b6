"""The network's answers for a list of clips, from all processes, each clip exactly once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from vaer.errors import RunError
from vaer.finite import listed, odd_tensors
from vaer.records import Batch, Embedded, Item, Output
from vaer.words import counted


class Predictions(NamedTuple):
    """Answers in the order of the list of items."""

    probabilities: np.ndarray
    """(clips, classes), the mean over the views of a clip."""
    labels: np.ndarray
    """(clips,)."""
    alone: "dict[str, Predictions]" = {}
    """What each of two branches says by its own head, over the clips that have its modality."""

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood of the labels."""
        true = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(true.clip(min=1e-12)).mean())


def draw_clips(speakers: np.ndarray, number: int, seed: int) -> np.ndarray:
    """(clips,) bool: `number` clips of each speaker, or all of one with fewer; more of them hold the fewer ones."""
    chosen = np.zeros(len(speakers), dtype=bool)
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        chosen[np.random.default_rng((seed, int(speaker))).permutation(own)[:number]] = True
    return chosen


class ForwardResult(NamedTuple):
    """What the network made of a batch, kept until all clips of its speakers have been seen."""

    ids: Tensor
    """(batch,)."""
    labels: Tensor
    """(batch,)."""
    speakers: Tensor
    """(batch,)."""
    logits: Tensor
    """(batch, classes), by a network that knows nothing of the speakers."""
    embedded: Embedded | None
    """What to answer from once they are known; None where the network does not ask."""
    heads: dict[str, Tensor]
    """Logits by each of two branches' own heads, (batch, classes)."""
    present: dict[str, Tensor]
    """(batch,) bool, by branch: the row has its modality."""
    odd: Tensor
    """(batch,) bool: the answer or that of a branch's own head is NaN or infinite."""


def predict(network: nn.Module, batches: Iterable[Batch], accelerator: Accelerator, *, num_clips: int, views: int,
            modality: str = "both", adapting: np.ndarray | None = None,
            among: Sequence[int] | None = None, items: Sequence[Item] | None = None) -> Predictions:
    """Probabilities of `num_clips` clips, each of which comes `views` times in the batches of all processes together.

    `modality` video or audio takes the other one away. A network with `speaker_norm` adapts to each speaker by their
    clips without labels: all at hand, or those that `adapting` (clips,) bool names. `among` are the
    places of the classes among which the network chooses, None all; labels count in those. An answer that is NaN or
    infinite, also that of a branch's own head, raises RunError with the clip's name in `items`.
    """
    results = forward_clips(network, batches, accelerator, modality)
    return probabilities_of(network, results, accelerator, num_clips=num_clips, views=views, adapting=adapting,
                            among=among, items=items)


@torch.inference_mode()
def forward_clips(network: nn.Module, batches: Iterable[Batch], accelerator: Accelerator,
                  modality: str = "both") -> list[ForwardResult]:
    """What the network makes of this process's batches; `modality` as in `predict`."""
    bare = accelerator.unwrap_model(network)
    bare.eval()
    # Without the wrapper of several processes, in which each forward waits for all: one may have fewer batches.
    for buffer in bare.buffers():
        buffer.copy_(broadcast(buffer))  # statistics of batch norms are those of the first process, which saves them
    results = []
    for batch in batches:
        batch = only(batch, modality)
        output = bare(batch)
        heads = {} if bare.fusion is None else {"video": output.video_logits, "audio": output.audio_logits}
        results.append(ForwardResult(batch.ids, batch.labels, batch.speakers, output.logits,
                                     output.embedded if bare.norms else None, heads,
                                     {"video": batch.has_video, "audio": batch.has_audio}, _odd(output)))
    return results


def only(batch: Batch, modality: str) -> Batch:
    """The batch without the other modality than `modality`; `both` keeps them."""
    if modality == "video":
        return batch._replace(has_audio=torch.zeros_like(batch.has_audio))
    return batch._replace(has_video=torch.zeros_like(batch.has_video)) if modality == "audio" else batch


@torch.inference_mode()
def probabilities_of(network: nn.Module, results: list[ForwardResult], accelerator: Accelerator, *, num_clips: int,
                     views: int, adapting: np.ndarray | None = None, among: Sequence[int] | None = None,
                     items: Sequence[Item] | None = None) -> Predictions:
    """The probabilities of what `forward_clips` has seen; the settings are those of `predict`."""
    bare = accelerator.unwrap_model(network)
    among = list(range(len(bare.classes)) if among is None else among)
    if bare.norms:
        weight = np.ones(num_clips) if adapting is None else adapting
        known = _speaker_sums(bare, results, accelerator, torch.from_numpy(weight / views).to(accelerator.device))
        results = [_adapted(bare, part,
                            {name: sums[part.speakers] for name, sums in known.items()}) for part in results]
    branches = [] if bare.fusion is None else bare.branches
    rows = [torch.cat([part.ids[:, None], part.labels[:, None], part.odd[:, None], _infinite(part.logits)[:, None],
                       *(part.present[name][:, None] for name in branches),
                       *(logits[:, among].float().softmax(1).double()
                         for logits in (part.logits, *(part.heads[name] for name in branches)))], dim=1)
            for part in results]
    width = 4 + len(branches) + len(among) * (1 + len(branches))
    mine = torch.cat([torch.zeros(0, width, dtype=torch.float64, device=accelerator.device), *rows])
    table = accelerator.gather(accelerator.pad_across_processes(mine, pad_index=-1)).cpu().numpy()
    table = table[table[:, 0] >= 0]  # without the padding of processes that had fewer clips
    table = table[np.argsort(table[:, 0], kind="stable")]
    _require_finite(bare, table, items)
    assert np.array_equal(table[:, 0], np.repeat(np.arange(num_clips), views)), "a clip was lost or scored twice"
    table = table.reshape(num_clips, views, width).mean(axis=1)
    labels = table[:, 1].astype(np.int64)
    whole, *heads = np.split(table[:, 4 + len(branches):], 1 + len(branches), axis=1)
    there = {name: table[:, 4 + number] > 0 for number, name in enumerate(branches)}
    return Predictions(whole, labels, {name: Predictions(head[there[name]], labels[there[name]])
                                       for name, head in zip(branches, heads, strict=True)})


def _adapted(network: nn.Module, part: ForwardResult, sums: dict[str, Tensor]) -> ForwardResult:
    """The same clips, answered with `sums` of what is known of their speakers."""
    alone = network.classify_unimodal(part.embedded, sums)
    return part._replace(logits=network.classify(part.embedded, sums), heads=alone)


def _infinite(logits: Tensor) -> Tensor:
    """(batch,) bool: rows that hold NaN or an infinity, from which a softmax would make probabilities all the same."""
    return ~logits.isfinite().all(1)


def _odd(output: Output) -> Tensor:
    return torch.stack([_infinite(logits) for logits in (output.logits, output.video_logits, output.audio_logits)
                        if logits is not None]).any(0)


def _require_finite(network: nn.Module, table: np.ndarray, items: Sequence[Item] | None) -> None:
    """Raise RunError where an answer is none: an argmax over NaN would be the first class.

    Named are the clips that are odd by themselves, if there are any, not those whose speakers they spoil.
    """
    odd = table[table[:, 2] > 0 if table[:, 2].any() else table[:, 3] > 0, 0].astype(int)
    if not len(odd):
        return
    first = f"clip number {odd[0]}" if items is None else f"clip {items[odd[0]].id} ({items[odd[0]].path})"
    tensors = odd_tensors(network.state_dict())
    cause = (f"its weights are NaN or infinite themselves ({listed(tensors)}): train anew with a lower --train.lr, or "
             f"start from other weights" if tensors else
             "its weights are finite: listen to and look at that clip, or train with --train.mixed_precision no")
    clips = counted(len(set(odd.tolist())), "clip")
    raise RunError(f"The network answers NaN or infinity to {clips}, first to {first}; {cause}.")


def _speaker_sums(network: nn.Module, results: list[ForwardResult], accelerator: Accelerator,
                  weight: Tensor) -> dict[str, Tensor]:
    """Sums over the clips of each speaker from all processes, by the names of the embeddings.

    `weight` (clips,) is what a view of a clip counts.
    """
    last = torch.stack([torch.zeros((), dtype=torch.int64, device=weight.device),
                        *(part.speakers.max() for part in results)]).max()
    num_speakers = int(accelerator.gather(last[None]).max()) + 1
    known = {}
    for name, norm in network.norms.items():
        sums = norm.population.new_zeros(num_speakers, len(norm.population))
        for part in results:
            sums += norm.sums_of(part.embedded.vectors[name], part.speakers,
                                 part.embedded.present[name] * weight[part.ids], num_speakers)
        known[name] = accelerator.reduce(sums, reduction="sum")
    return known
