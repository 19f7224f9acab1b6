"""Test clips as they are, made worse in one way: what a worker process does for a point of a robustness curve."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator

from vaer.data.dataset import EvaluationClips, true_span
from vaer.errors import UserError
from vaer.evaluation.degradations import audio, video
from vaer.evaluation.degradations.kinds import KINDS
from vaer.media import media
from vaer.records import Clip, Item

ON_FRAMES: dict[str, Callable[[np.ndarray, float, Generator], np.ndarray]] = {
    "blur": video.blur, "occlusion": video.occlude, "low_light": video.darken, "dropped_frames": video.drop,
    "jpeg": video.jpeg}
ON_WAVEFORMS: dict[str, Callable[..., np.ndarray]] = {
    "noise": audio.add_white, "babble": audio.add_babble, "opus": audio.opus}
TALKERS = 16
"""Clips of the test side that babble is made of; each clip hears some of those of other speakers."""


class DegradedClips(EvaluationClips):
    """Evaluation's clips, each changed by the degradation `kind` at `strength`.

    What is random about a change is drawn from the seed and the names of clip and degradation: the same in every
    subset and order, and at every strength. Raises UserError for babble where there is no second clip to hear.
    """

    def __init__(self, items: Sequence[Item], classes: tuple[str, ...], *, kind: str, strength: float, seed: int,
                 **settings: Any) -> None:
        super().__init__(items, classes, **settings)
        self.kind, self.strength, self.seed = kind, strength, seed
        self.talkers = talkers_of(items, seed) if kind == "babble" else []

    def __getitem__(self, key: tuple[int, int]) -> Clip:
        view, index = key
        clip = super().__getitem__(key)
        item = self.items[index]
        rng = generator_of(self.seed, self.kind, item.id, view)
        if self.kind != "babble" or clip.waveform is None or self.strength == KINDS["babble"].none:
            return degrade(clip, self.kind, self.strength, rng)
        return degrade(clip, self.kind, self.strength, rng, voices=self._voices(item))

    def _voices(self, item: Item) -> list[np.ndarray]:
        """What others say: other speakers, where there are some."""
        others = [other for other in self.talkers if other.id != item.id and other.audio_path != item.audio_path]
        apart = [other for other in others if other.speaker != item.speaker]
        return [_voice(other.audio_path, *true_span(other, self.config)) for other in apart or others]


def degrade(clip: Clip, kind: str, strength: float, rng: Generator, **more: Any) -> Clip:
    """The clip made worse; a modality that it lacks stays absent, and `none` of a kind changes nothing."""
    if strength == KINDS[kind].none:
        return clip
    if kind in ON_FRAMES and clip.frames is not None:
        return clip._replace(frames=ON_FRAMES[kind](clip.frames, strength, rng))
    if kind in ON_WAVEFORMS and clip.waveform is not None:
        return clip._replace(waveform=ON_WAVEFORMS[kind](clip.waveform, strength, rng, **more))
    if kind == "shift" and clip.frame_times is not None:
        # Both keep all they hold: only the clock between them is wrong, as in a file whose tracks are put together so.
        return clip._replace(frame_times=clip.frame_times - strength / 1000)
    return clip


def generator_of(seed: int, kind: str, clip: str, view: int) -> Generator:
    """What a change of a clip is drawn from."""
    digest = hashlib.sha256(f"{kind}\0{clip}\0{view}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng((seed, int.from_bytes(digest[:8], "big")))


def talkers_of(items: Sequence[Item], seed: int) -> list[Item]:
    """Clips with a waveform that babble is made of, of as many speakers as there are."""
    voiced = [item for item in items if item.audio_path is not None]
    order = np.random.default_rng(seed).permutation(len(voiced))
    rounds: dict[str, int] = {}
    ranked = []
    for place in order:
        speaker = voiced[place].speaker
        rounds[speaker] = rounds.get(speaker, 0) + 1
        ranked.append((rounds[speaker], len(ranked), voiced[place]))
    chosen = [item for _, _, item in sorted(ranked, key=lambda entry: entry[:2])[:TALKERS]]
    if len({item.audio_path for item in chosen}) < 2:
        raise UserError("--robustness babble: is made of the voices of other test clips, and there are none; leave it "
                        "out.")
    return chosen


@lru_cache(maxsize=TALKERS)
def _voice(path: str, start_s: float, end_s: float) -> np.ndarray:
    waveform = media.read_waveform(path, start_s, end_s)
    return waveform if len(waveform) else np.zeros(1, dtype=np.float32)
