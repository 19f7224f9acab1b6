"""The records that cross the lines of the data flow: item, window, clip, batch, tokens, logits, scores.

All are NamedTuples: accelerate moves those to the device, and leaves a dataclass behind.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # annotations only: reading settings and scanning folders must not cost torch
    import numpy as np
    from torch import Tensor


BEST_FORMAT = 2
"""Of what `best/config.json` holds: raise it with every change that an older reader would take for something else."""


UNKNOWN_SPEAKER = ""
"""The speaker of a clip whose corpus names none: people cannot be told apart."""


class Item(NamedTuple):
    """One clip of a corpus, as its folder names it; nothing has been opened yet."""

    id: str
    """Unique in its corpus."""
    path: str
    """The file that stands for the clip; its frames come from here where it has any."""
    audio_path: str | None
    """The file whose audio is heard: `path` itself, a sibling, or None where the clip has no audio."""
    label: str
    speaker: str
    take: str
    """Equal for files that show the same performance."""
    duration_s: float | None = None
    attributes: dict[str, str] = {}


class Split(NamedTuple):
    """Who trains, who selects and who is scored, with the verdict of the guard."""

    train: list[Item]
    validation: list[Item]
    test: list[Item]
    verdict: str
    """One sentence: which speakers stand on which side, and what was allowed against the usual rules."""
    leaks: tuple[str, ...] = ()
    """What stands on two sides although the guard would refuse it: it was lifted."""


class Window(NamedTuple):
    """The part of a clip that is seen and heard, on the clip's own clock."""

    start_s: float
    end_s: float
    """Half open: [start_s, end_s)."""
    times: "np.ndarray"
    """(frames,) seconds on the clip's clock at which a frame is wanted."""
    speed: float = 1.0
    """The window is played this many times as fast; the clock of its Clip runs in played seconds."""


class Clip(NamedTuple):
    """What one window holds, on the clock that starts with it; an absent modality is None."""

    frames: "np.ndarray | None"
    """(time, height, width, 3) uint8, RGB."""
    frame_times: "np.ndarray | None"
    """(time,) seconds from the start of the window."""
    waveform: "np.ndarray | None"
    """(samples,) float32 at 16 kHz."""
    label: int = -1
    index: int = -1
    """Place of the clip in its list of items: what stands for its name on the device."""
    speaker: int = -1
    """Place of its speaker among the sorted speakers of its list of items."""
    share: float | None = None
    """How much of it stays where it is mixed with another clip, 0.5 to 1; None leaves it alone."""
    partner_label: int | None = None
    """The label of the clip that it was mixed with."""


class Batch(NamedTuple):
    """Clips side by side; an absent modality is zeros with `has_*` False, one that no branch wants is None."""

    frames: "Tensor | None"
    """(batch, time, height, width, 3) uint8."""
    frame_times: "Tensor | None"
    """(batch, time) seconds."""
    has_video: "Tensor"
    """(batch,) bool."""
    waveform: "Tensor | None"
    """(batch, samples) float32 at 16 kHz, zeros after the end."""
    num_samples: "Tensor"
    """(batch,) int64: true samples of each row."""
    has_audio: "Tensor"
    """(batch,) bool."""
    labels: "Tensor"
    """(batch,) int64."""
    ids: "Tensor"
    """(batch,) int64: `Clip.index`."""
    speakers: "Tensor"
    """(batch,) int64: `Clip.speaker`."""


class MixedBatch(NamedTuple):
    """A Batch of clips that hold a share of one another; both labels count, by these shares."""

    frames: "Tensor | None"
    frame_times: "Tensor | None"
    has_video: "Tensor"
    waveform: "Tensor | None"
    num_samples: "Tensor"
    has_audio: "Tensor"
    labels: "Tensor"
    """(batch,) int64: of the larger share."""
    ids: "Tensor"
    speakers: "Tensor"
    partner_labels: "Tensor"
    """(batch,) int64."""
    shares: "Tensor"
    """(batch,) float32: how much of a clip is of `labels`, 0.5 to 1."""


class Tokens(NamedTuple):
    """What a branch makes of a batch: a sequence of vectors on the clock of the window."""

    values: "Tensor"
    """(batch, time, dim)."""
    times: "Tensor"
    """(batch, time) seconds, the middle of what the token saw."""
    mask: "Tensor"
    """(batch, time) bool, True = real."""


class Stream(NamedTuple):
    """One modality as a fusion gets it."""

    tokens: Tokens
    pooled: "Tensor"
    """(batch, dim): masked mean of the tokens, zeros where there is none."""


class Fused(NamedTuple):
    """What a fusion makes of two streams."""

    embedding: "Tensor | None" = None
    """(batch, dim), from which it answers; None where it answers from the two heads' logits."""
    attention: "Tensor | None" = None
    """(batch, heads, video time, audio time): how video attends to audio in the last layer, where it was asked for."""


class Embedded(NamedTuple):
    """What the classifiers of a network answer from, by their names: `video`, `audio`, `fused`."""

    vectors: "dict[str, Tensor]"
    """(batch, dim) each; none for a branch that is off or a fusion without a classifier of its own."""
    present: "dict[str, Tensor]"
    """(batch,) bool each: whether the clip has what the vector stands for; `fused`: whether that vector counts."""


class Output(NamedTuple):
    """Everything the network says of a batch; what a branch that is switched off would say is None."""

    logits: "Tensor"
    """(batch, classes): the answer."""
    video_logits: "Tensor | None" = None
    audio_logits: "Tensor | None" = None
    embedding: "Tensor | None" = None
    video_embedding: "Tensor | None" = None
    audio_embedding: "Tensor | None" = None
    attention: "Tensor | None" = None
    embedded: Embedded | None = None


class Metrics(NamedTuple):
    """Scores of one list of predictions."""

    uar: float
    """Mean recall over the classes that occur among the labels."""
    war: float
    """Share of clips that are right."""
    macro_f1: float
    confusion: list[list[int]]
    """Rows are labels, columns are predictions, both in the order of the classes."""
    clips: int
    classes_present: int
