"""One file of any length, decoded once: its windows, in order, as clips for the network, with what is known of each."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from av import VideoFrame

from vaer.config import ClipConfig
from vaer.inference.plan import Plan, ShotWindows
from vaer.inference.shot import HELD_SIDE, Shot, ShotFrame, TrackFrames, rgb
from vaer.inference.source import Source
from vaer.inference.waveform_reader import SILENCE_DB, is_silent
from vaer.media.media import nearest
from vaer.media.probe import Probe
from vaer.media.shapes import Shape, canvas_of, middle
from vaer.prepare.faces import Face, detect
from vaer.prepare.shots import ShotChanges, thumbnail
from vaer.records import Clip, Window

FACE, SCENE, NO_FACE, SEVERAL, NO_FRAMES = "face", "scene", "no face", "several faces", "no frames"
VOICE, SILENCE, NO_VOICE, WHOSE, NOT_USED = "voice", "silence", "no voice", "not told whose", "not used"


class WindowRow(NamedTuple):
    """A window of one track: what the network is given, and what is known of it."""

    clip: Clip
    """Frames, waveform or both are None where they are absent."""
    facts: dict[str, Any]
    """Plain values, the beginning of a row of the answer."""


class FaceCache:
    """Faces by the number of the frame: what an earlier pass found is not looked for again."""

    def __init__(self, known: dict[int, list[Face]] | None = None) -> None:
        self.known = known or {}
        self.fresh: list[tuple[int, list[Face]]] = []
        """What was found since this list was emptied."""

    def take(self) -> list[tuple[int, list[Face]]]:
        """What was found since this was asked before."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def faces(self, number: int, frame: VideoFrame) -> list[Face]:
        """The faces of a frame."""
        if number in self.known:
            return self.known.pop(number)
        found = detect(rgb(frame))
        self.fresh.append((number, found))
        return found


class FileWindows:
    """A file, or arrays, and the plan by which it is asked about."""

    def __init__(self, source: Source, plan: Plan, preparation: dict | None, *, video: bool, audio: bool) -> None:
        """`preparation`: how faces are cropped, None takes the whole scene. `video` and `audio`: what is wanted."""
        self.source, self.plan, self.preparation = source, plan, preparation
        self.facts: Probe = source.facts
        self.wants_video, self.wants_audio = video, audio
        self.has_frames = len(self.facts.frame_times) > 0
        self.uses_frames = video and self.has_frames
        self.audio = source.audio(max(plan.window_s, plan.whole_s)) if audio else None
        self.shots: list[tuple[float, float]] = []
        """Start and end of every shot that ended so far, seconds."""
        self.windows = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames as they are shown."""
        return canvas_of(self.facts.shapes) if self.facts.shapes else (self.facts.width, self.facts.height)

    def rows(self, memory: FaceCache) -> Iterator[WindowRow]:
        """Every window of every track, shot by shot; raises MediaError where a frame does not decode."""
        duration_s = self.facts.duration_s
        if not self.uses_frames:
            for window in self._audio_windows(duration_s):
                yield from self._rows(0, window, [])
            self.shots.append((0.0, float(duration_s)))
            return
        shot = self._shot(0, 0.0, 0)
        for begins, shown in self._with_shot_starts(memory):
            if begins and shot.number + len(shot.times) > 0:
                for window, tracks in shot.finish(shown.time_s):
                    yield from self._rows(shot.number, window, tracks)
                self.shots.append((float(shot.start_s), shown.time_s))
                shot = self._shot(shot.number + 1, shown.time_s, shot.num_faces)
            for window, tracks in shot.add(shown):
                yield from self._rows(shot.number, window, tracks)
        for window, tracks in shot.finish(duration_s, self._span() if shot.number == 0 else None):
            yield from self._rows(shot.number, window, tracks)
        self.shots.append((float(shot.start_s), float(duration_s)))

    def _shot(self, number: int, start_s: float, faces_before: int) -> Shot:
        shown_s = self.facts.frame_times
        rate = (len(shown_s) - 1) / (shown_s[-1] - shown_s[0]) if len(shown_s) > 1 else 1.0
        if self.preparation and self.preparation.get("fps"):
            rate = float(self.preparation["fps"])
        return Shot(number, start_s, self.plan, rate=rate, preparation=self.preparation, size=self.size,
                    faces_before=faces_before)

    def _span(self) -> tuple[float, float] | None:
        """Where the windows of a file of one short shot lie, as training trimmed its clips; None: anywhere."""
        clip: ClipConfig = self.plan.clip
        return None if clip.trim_db is None else self.source.span(clip.trim_db)

    def _audio_windows(self, duration_s: float) -> Iterator[Window]:
        if duration_s <= self.plan.whole_s:
            yield from self.plan.whole(self._span() or (0.0, duration_s))
            return
        yield from ShotWindows(self.plan, 0.0, 0.0).last(duration_s)

    def _with_shot_starts(self, memory: FaceCache) -> Iterator[tuple[bool, ShotFrame]]:
        """Every frame with whether it begins a shot, which is known some frames later."""
        changes, waiting = ShotChanges(), []
        for shown, thumb in self._shown(memory):
            waiting.append(shown)
            for begins in changes.add(thumb):
                yield begins, waiting.pop(0)
        for begins in changes.finish():
            yield begins, waiting.pop(0)

    def _shown(self, memory: FaceCache) -> Iterator[tuple[ShotFrame, np.ndarray]]:
        """The frames that preparation would keep, each at its time, with its thumbnail."""
        indices, times = self._kept()
        position = 0
        for number, frame in enumerate(self.source.frames(self.plan.clip.size if self.preparation is None else None)):
            if position == len(indices) or indices[position] != number:
                continue
            thumb, (held, faces) = thumbnail(frame), self._held(number, frame, memory)
            while position < len(indices) and indices[position] == number:
                yield ShotFrame(float(times[position]), held, faces), thumb
                position += 1

    def _kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers, ascending, and times of the frames at the rate of the preparation, or of all."""
        shown_s = self.facts.frame_times
        fps = self.preparation.get("fps") if self.preparation else None
        if fps is None:
            return np.arange(len(shown_s)), shown_s
        wanted_s = shown_s[0] + np.arange(max(1, round((self.facts.duration_s - shown_s[0]) * fps))) / fps
        return nearest(shown_s, wanted_s), wanted_s

    def _held(self, number: int, frame: VideoFrame, memory: FaceCache) -> tuple[Any, list[Face]]:
        if self.preparation is None:
            return self._scene(frame), []
        faces = memory.faces(number, frame)
        scale = HELD_SIDE / min(frame.width, frame.height)
        if scale < 1:
            frame = frame.reformat(width=round(frame.width * scale), height=round(frame.height * scale),
                                   interpolation="AREA")
        return frame, faces

    def _scene(self, frame: VideoFrame) -> np.ndarray:
        """The middle of a frame, as training reads it."""
        size = self.plan.clip.size
        width, height = Shape(frame.width, frame.height).covering(size)
        return np.ascontiguousarray(middle(frame.to_ndarray(format="rgb24", width=width, height=height), size))

    def _rows(self, shot: int, window: Window, tracks: list[TrackFrames]) -> Iterator[WindowRow]:
        """A row a face, with the voice where it is the only one; else one of the voice alone."""
        waveform = self.audio.read(window.start_s, window.end_s) if self.audio is not None else None
        silence_db = (self.preparation or {}).get("silence_db", SILENCE_DB)
        voice = (NOT_USED if not self.wants_audio else NO_VOICE if waveform is None
                 else SILENCE if is_silent(waveform, silence_db) else VOICE)
        start = {"window": self.windows, "shot": shot, "start_s": round(window.start_s, 4),
                 "end_s": round(window.end_s, 4)}
        self.windows += 1
        alone = len(tracks) == 1
        for one in tracks:
            known = {"detected": one.detected, "confidence": one.confidence, "side": one.side}
            yield WindowRow(Clip(one.frames, one.frame_times, waveform if alone else None), start | {
                "track": one.track, "face": SCENE if self.preparation is None else FACE,
                "voice": voice if alone or voice in (NOT_USED, NO_VOICE) else WHOSE,
                "quality": None if one.detected is None else
                {name: value if value is None else round(value, 4) for name, value in known.items()}})
        if not alone and (self.wants_audio or not tracks):
            face = (NOT_USED if not self.wants_video else NO_FRAMES if not self.has_frames
                    else SEVERAL if tracks else NO_FACE)
            yield WindowRow(Clip(None, None, waveform), start | {"track": "voice", "face": face, "voice": voice,
                                                                 "quality": None})
