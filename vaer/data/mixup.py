"""Training clips that hold a share of one another."""

import numpy as np
from numpy.random import Generator

from vaer.records import Clip


def draw_share(alpha: float, rng: Generator) -> float:
    """How much of a clip stays when it is mixed: Beta(alpha, alpha), or what is left of it where that is more.

    Two clips that are mixed with one another, each at least by half itself, are as many different mixtures as shares
    from 0 to 1 would make, and the clip's own label always has the larger part.
    """
    share = rng.beta(alpha, alpha)
    return float(max(share, 1 - share))


def mix_pairs(clips: list[Clip]) -> list[Clip]:
    """The first clip mixed with the second, the third with the fourth, ..., each by its own `share`.

    Clips without a share come back as they are.
    """
    if not clips or clips[0].share is None:
        return clips
    pairs = zip(clips[::2], clips[1::2], strict=True)
    return [mixed for one, other in pairs for mixed in (_mix(one, other), _mix(other, one))]


def _mix(clip: Clip, partner: Clip) -> Clip:
    """Mixup (Zhang et al. 2018, arXiv 1710.09412) of all that a clip has, by one share; it keeps its length and clock.

    The partner's frames are those nearest in time, its waveform is cut, or silent after its end. Clips that do not have
    the same modalities are not mixed: a head would be asked for a label of which it sees nothing.
    """
    if (clip.frames is None, clip.waveform is None) != (partner.frames is None, partner.waveform is None):
        return clip._replace(share=1.0, partner_label=clip.label)
    share, frames, waveform = np.float32(clip.share), clip.frames, clip.waveform
    if frames is not None:
        nearest = np.abs(partner.frame_times - clip.frame_times[:, None]).argmin(axis=1)
        frames = np.rint(share * frames + (1 - share) * partner.frames[nearest]).astype(np.uint8)
    if waveform is not None:
        waveform, common = share * waveform, min(len(waveform), len(partner.waveform))
        waveform[:common] += (1 - share) * partner.waveform[:common]
    return clip._replace(frames=frames, waveform=waveform, partner_label=partner.label)
