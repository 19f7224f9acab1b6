"""Small things that tests need: media files, tokens, clips, batches, networks."""

import dataclasses
import hashlib
import json
import os
import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch

from vaer.config import (
    AudioConfig,
    ClipConfig,
    Config,
    DataConfig,
    FusionConfig,
    ModelConfig,
    TrainConfig,
    VideoConfig,
    resolve,
)
from vaer.evaluation.scored import PredictionTable, Scored, facts_of
from vaer.inference.summary import mean_of, tracks_of
from vaer.media.readers import READERS, is_usable
from vaer.models.network import VAER, network_settings
from vaer.records import Batch, Item, Tokens
from vaer.renderings.timeline import Timeline
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import Lengths, Recipe

DECODERS = [pytest.param(name, marks=pytest.mark.skipif(
    not is_usable(name), reason=f"{name} is not installed or does not find FFmpeg's shared libraries"))
    for name in READERS]
SHARED = Path(os.environ.get("VAER_SHARED", Path(__file__).parents[2] / "shared" / "data"))


def shared(name: str) -> Path:
    """A folder of real files; skips the test, saying so, where it is absent."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"real files are absent: {SHARED / name} (set VAER_SHARED)")
    return SHARED / name


def grey(number: int, height: int, width: int) -> np.ndarray:
    """A frame that tells its number: number * 8 grey levels everywhere."""
    return np.full((height, width, 3), number * 8, dtype=np.uint8)


def bar_code(number: int, height: int, width: int) -> np.ndarray:
    """A frame that tells its number up to 255: eight upright bars, white for 1, the lowest bit on the left."""
    bits = number >> np.arange(8) & 1
    return np.broadcast_to(np.repeat(bits * 255, width // 8)[None, :, None], (height, width, 3)).astype(np.uint8)


def bar_codes(pictures: np.ndarray) -> list[int]:
    """The numbers that (frames, height, width, 3) tell, whatever they were scaled to."""
    bars = pictures.reshape(len(pictures), pictures.shape[1], 8, -1).mean(axis=(1, 3))
    return ((bars > 127) << np.arange(8)).sum(axis=1).tolist()


def numbers_of(pictures: np.ndarray) -> list[int]:
    """The numbers that frames of `shared("faults")` tell: eight fields in their lower half, two rows of four."""
    high, wide = pictures.shape[1] // 8, pictures.shape[2] // 8
    fields = pictures[:, [5 * high] * 4 + [7 * high] * 4, [wide, 3 * wide, 5 * wide, 7 * wide] * 2].mean(axis=2)
    return ((fields > 127) << np.arange(8)).sum(axis=1).tolist()


def write_bar_codes(path: Path, *, codec: str = "libx264", frames: int = 100, hidden: int = 0, **options: str) -> Path:
    """A video of 128 x 96 pixels and 25 frames a second whose frames tell their number; `options` of the codec.

    The first `hidden` ones are hidden by an edit list (mp4).
    """
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"} if hidden else {}) as container:
        video = container.add_stream(codec, rate=25, options=options)
        video.height, video.width, video.pix_fmt = 96, 128, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(bar_code(number, 96, 128), format="rgb24")
            frame.pts, frame.time_base = number - hidden, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def write_marked(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Thirty frames of 80 x 48, white in the upper left quarter and grey in the upper right, beside a display matrix.

    `matrix` says how far right and down a step to the right leads on the screen, then how far one down does.
    """
    picture = np.zeros((48, 80, 3), np.uint8)
    picture[:24, :40], picture[:24, 40:] = 255, 128
    return _write_frames(path, "libx264", picture, matrix=matrix)


def write_disc(path: Path, codec: str, aspect: Fraction) -> Path:
    """Thirty frames of 128 x 96 with a white disc that is round once pixels are `aspect` as wide as high."""
    y, x = np.mgrid[:96, :128]
    picture = np.where(((x - 63.5) * float(aspect)) ** 2 + (y - 47.5) ** 2 < 27 ** 2, 255, 0).astype(np.uint8)
    return _write_frames(path, codec, np.repeat(picture[..., None], 3, 2), aspect=aspect)


def _write_frames(path: Path, codec: str, picture: np.ndarray, *, matrix: tuple[int, int, int, int] | None = None,
                  aspect: Fraction | None = None) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        video.height, video.width, video.pix_fmt, video.bit_rate = *picture.shape[:2], "yuv420p", 800_000
        if aspect is not None:
            video.codec_context.sample_aspect_ratio = video.sample_aspect_ratio = aspect
        if matrix is not None:
            right_x, right_y, down_x, down_y = (number << 16 for number in matrix)
            video.set_display_matrix((right_x, right_y, 0, down_x, down_y, 0, 0, 0, 1 << 30))
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def write_video(path: Path, *, fps: int = 10, frames: int = 20, size: tuple[int, int] = (64, 64),
                times: list[int] | None = None, sound: np.ndarray | None = None, rate: int = 48_000,
                layout: str = "mono", sound_start_s: float = 0.0, pix_fmt: str = "yuv420p", turn: int = 0,
                options: dict[str, str] | None = None) -> Path:
    """An mp4 of grey frames that tell their number; `times` in ms instead of `fps`, `sound` (channels, samples).

    `turn` degrees counterclockwise are written beside the frames, the upper left quarter of which is then white.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "10"})
        video.height, video.width, video.pix_fmt = *size, pix_fmt
        video.codec_context.time_base = Fraction(1, 1000)
        if turn:
            video.set_display_rotation(turn)
        audio = container.add_stream("aac", rate=rate, layout=layout) if sound is not None else None
        for number in range(frames):
            picture = grey(number, *size)
            if turn:
                picture[:size[0] // 2, :size[1] // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = times[number] if times is not None else round(number * 1000 / fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            _mux_sound(container, audio, sound, rate, layout, sound_start_s)
    return path


def _mux_sound(container, stream, sound, rate, layout, start_s):
    for first in range(0, sound.shape[1], 1024):
        piece = np.ascontiguousarray(sound[:, first:first + 1024], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, first + round(start_s * rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_audio(path: Path, segments: list[tuple[float, np.ndarray]], *, codec: str, layout: str = "mono",
                bit_rate: int | None = None, options: dict[str, str] | None = None) -> Path:
    """Sounds (samples,) at 16 kHz, each from its time on, s, with gaps in the stream between them."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=16_000, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for at_s, sound in segments:
            levels = (sound * 32767).round().astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(levels, 1 + (layout == "stereo"))[None], "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = 16_000, round(at_s * 16_000), Fraction(1, 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_wav(path: Path, sound: np.ndarray, rate: int = 16_000) -> Path:
    """A 16-bit wav of (samples,) or (channels, samples) within -1 and 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = np.atleast_2d(sound)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((channels.T * 32767).round().astype("<i2").tobytes())
    return path


def write_samples(path: Path, samples: np.ndarray, rate: int = 16_000, *, mask: int | None = None) -> Path:
    """A wav of (channels, samples) as they are, float or integer, with the mask of the channels' places or none."""
    channels, width = len(samples), samples.dtype.itemsize
    code = 3 if samples.dtype.kind == "f" else 1
    layout = struct.pack("<HHIIHH", 0xFFFE if mask is not None else code, channels, rate, rate * channels * width,
                         channels * width, 8 * width)
    if mask is not None:
        layout += struct.pack("<HHI", 22, 8 * width, mask) + bytes([code, 0]) + bytes.fromhex(
            "000000001000800000aa00389b71")
    data = np.ascontiguousarray(samples.T).tobytes()
    content = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    return path


def write_encoded(path: Path, sound: np.ndarray, rate: int, codec: str, bit_rate: int | None = None,
                  layout: str = "mono") -> Path:
    """(samples,) within -1 and 1 in every channel, by an encoder of FFmpeg's in the container of the ending."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        stream.codec_context.format = stream.codec_context.codec.audio_formats[0]
        stream.codec_context.open()
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate,
                                      frame_size=stream.codec_context.frame_size or 1024)
        channels = np.repeat(sound.astype(np.float32), av.AudioLayout(layout).nb_channels)
        whole = av.AudioFrame.from_ndarray(channels[None], format="flt", layout=layout)
        whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def noise(seconds: float, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """(samples,) noise between 150 Hz and 3 kHz within -0.5 and 0.5, every moment of which is unique."""
    rng, count = np.random.default_rng(seed), round(seconds * rate)
    hertz = np.fft.rfftfreq(count, 1 / rate)
    spectrum = rng.standard_normal(len(hertz)) + 1j * rng.standard_normal(len(hertz))
    sound = np.fft.irfft(spectrum * ((hertz > 150) & (hertz < 3000)), count)
    return sound / np.abs(sound).max() / 2


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """(samples,) of a sine."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def make_recordings(root: Path, films: int = 3) -> Path:
    """Some films with audio, one broken, one silent audio file, a table and something else."""
    for number in range(films):
        write_video(root / f"Actor_{number % 2:02d}/{number:02d} \u00e9.mp4", frames=8 + number % 20, size=(48, 48),
                    sound=tone(1.0, 48_000)[None])
    whole = next(root.rglob("*.mp4")).read_bytes()
    (root / "cut.mp4").write_bytes(whole[:len(whole) // 2])
    write_wav(root / "silent.wav", np.zeros(8000))
    (root / "table.csv").write_text("path,label\n")
    (root / "all.zip").write_bytes(b"zip")
    return root


def write_clips(root: Path, names: list[str]) -> Path:
    """Short clips of these names, no two of the same bytes: a tone, and frames unless the ending is wav."""
    for number, name in enumerate(names):
        sound = tone(0.4, 48_000, 200 + 50 * number)
        if name.endswith(".wav"):
            write_wav(root / name, sound, 48_000)
        else:
            write_video(root / name, frames=4, size=(32, 32), sound=sound[None])
    return root


def contents(root: Path) -> dict[str, str]:
    """Every file of a folder with the digest of its bytes."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".png"}  # frames hold a date


def make_item(path: Path | str, label: str = "happy", speaker: str = "1", audio_path: str | None = "same",
              **other) -> Item:
    """An item of one file."""
    return Item(id=Path(path).stem, path=str(path), audio_path=str(path) if audio_path == "same" else audio_path,
                label=label, speaker=speaker, take=Path(path).stem, **other)


def make_tokens(batch: int, time: int, dim: int, real: int | None = None, rate: float = 10.0) -> Tokens:
    """Random tokens, `real` of them true in every row, `rate` a second."""
    mask = torch.arange(time).expand(batch, time) < (time if real is None else real)
    values = torch.randn(batch, time, dim, generator=torch.Generator().manual_seed(0))
    return Tokens(values * mask.unsqueeze(2), (torch.arange(time) / rate).expand(batch, time).clone(), mask)


def tiny_video(**settings) -> VideoConfig:
    """A small video branch, but for `settings`."""
    if settings.get("kind") == "timm":
        return VideoConfig(**{"network": "test_resnet", "layers": 1, "dim": 16, "heads": 2, "dropout": 0.0} | settings)
    return VideoConfig(**{"preset": "tiny", "width": 8, "dropout": 0.0} | settings)


def tiny_audio(**settings) -> AudioConfig:
    """A small audio branch, but for `settings`."""
    return AudioConfig(**{"preset": "tiny", "dim": 16, "heads": 2, "layers": 1} | settings)


def tiny_config(**model) -> Config:
    """Resolved settings of a network that trains in a blink; `model` replaces parts of ModelConfig."""
    parts = {"video": tiny_video(), "fusion": FusionConfig(dim=16, heads=2, layers=1), "audio": tiny_audio()} | model
    return resolve(Config(data=DataConfig(num_frames=8, size=32, num_workers=0), model=ModelConfig(**parts),
                          train=TrainConfig(batch_size=2)))


def tiny_network(classes: int = 3, **model) -> VAER:
    """A tiny network from seed 0."""
    torch.manual_seed(0)
    return VAER(settings=network_settings(tiny_config(**model), tuple(f"class{number}" for number in range(classes))))


def make_recipe(clip: ClipConfig | None = None, **other) -> Recipe:
    """What `best/` says beside a tiny network that learned from whole scenes of two seconds."""
    clip = tiny_config().data.clip if clip is None else clip
    return Recipe(**{"clip": clip, "views": 1, "preparation": None, "lengths": Lengths(2.0, 2.5, 2.5, 4),
                     "corpus": "made", "remark": "", "temperature": 2.0} | other)


def write_run(folder: Path, recipe: Recipe | None = None, **model) -> Path:
    """A run that can be asked: `best/` of a tiny network, with its recipe."""
    network, recipe = tiny_network(**model), make_recipe() if recipe is None else recipe
    clip = dataclasses.asdict(recipe.clip)
    network.save_pretrained(folder / "best", config={"settings": network.settings | recipe.plain() | {"clip": clip}})
    return folder


def make_timeline(**changes) -> Timeline:
    """Two windows of a face and one of the voice, of classes a and b, in a file of three seconds."""
    def window(number, track, start_s, end_s, first):
        row = None if first is None else {"a": first, "b": round(1 - first, 7)}
        return {"window": number, "shot": 0, "start_s": start_s, "end_s": end_s, "track": track,
                "face": "face" if track != "voice" else "no face", "voice": "voice",
                "quality": {"detected": 1.0, "confidence": 2.0, "side": 80} if track != "voice" else None,
                "probabilities": row, "calibrated": None, "video": row if track != "voice" else None, "audio": None}

    windows = [window(0, "face 1", 0.0, 2.0, 0.9), window(1, "face 1", 1.0, 3.0, 0.2),
               window(2, "voice", 1.0, 3.0, 0.5)]
    content = {"format": 1, "recording": {"path": "clip.mp4", "duration_s": 3.0, "levels": {
        "step_s": 0.5, "peaks": [0.0, 0.5, 1.0, 0.5, 0.25, 0.0]}}, "network": {"classes": ["a", "b"], "sha256": "0"},
        "plan": {}, "notes": [], "shots": [{"start_s": 0.0, "end_s": 3.0}],
        "mean": mean_of(windows, ("a", "b"), None), "tracks": tracks_of(windows, ("a", "b"), None),
        "windows": windows}
    return Timeline(content | changes)


def make_batch(seconds: list[float], *, video: list[bool] | None = None, seed: int = 0) -> Batch:
    """A random batch for `tiny_network`: audio of these lengths (0 = absent), frames where `video` says so."""
    generator = torch.Generator().manual_seed(seed)
    size = len(seconds)
    has_video = torch.tensor(video if video is not None else [True] * size)
    num_samples = torch.tensor([round(length * 16_000) for length in seconds])
    waveform = torch.randn(size, max(1, int(num_samples.max())), generator=generator) * 0.1
    waveform = waveform * (torch.arange(waveform.shape[1]) < num_samples[:, None])
    frames = torch.randint(0, 256, (size, 8, 32, 32, 3), generator=generator, dtype=torch.uint8)
    times = torch.arange(8).expand(size, 8) / 8
    return Batch(frames * has_video[:, None, None, None, None], times * has_video[:, None], has_video, waveform,
                 num_samples, num_samples > 0, labels=torch.arange(size) % 3, ids=torch.arange(size),
                 speakers=torch.arange(size) % 2)


def replace(config: Config, section: str, **values) -> Config:
    """The config with some values of one section replaced."""
    return dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **values)})


def make_scored(folder: Path | str = "runs/a", *, speakers: int = 2, clips: int = 6, fold: int = 0, right: float = 0.7,
                temperature: float | None = None, seed: int = 0, **setting) -> Scored:
    """Answers of three classes to `clips` of each speaker; speakers and clips are named after their fold."""
    rng = np.random.default_rng(seed)
    classes = ("a", "b", "c")
    labels = np.arange(speakers * clips) % 3
    predicted = np.where(rng.uniform(size=len(labels)) < right, labels, (labels + 1) % 3)
    table = pd.DataFrame({
        "id": [f"{fold}-{number}" for number in range(len(labels))],
        "take": [f"{fold}-{number // 3}" for number in range(len(labels))], "path": "x.wav", "fold": str(fold),
        "speaker": [f"{fold}{number // clips}" for number in range(len(labels))],
        "label": np.array(classes)[labels], "prediction": np.array(classes)[predicted]})
    table = table.join(pd.DataFrame(0.1 + 0.7 * np.eye(3)[predicted], columns=list(classes)))
    setting = {"protocol": "p", "fold": fold, "modality": "both", "seed": seed, "split": "told", "leaks": [],
               "warnings": [], "speaker_norm": False, "adapt_clips": None, "remark": ""} | setting
    made = PredictionTable(table, classes, setting, {str(fold): temperature})
    return Scored(Path(folder), made, facts_of(made))


def leave_scored(scored: Scored, suffix: str = "", settings: dict | None = None) -> Path:
    """Write what an evaluation leaves in the folder of a run, without its frames; the settings of the run, too."""
    folder = RunFolder(scored.folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.metrics_path(suffix).write_text(json.dumps(scored.facts))
    scored.predicted.table.to_csv(folder.predictions_path(suffix), index=False)
    if settings is not None:
        folder.config_path.write_text(json.dumps(settings))  # JSON is YAML
    return folder.path
