"""Processor seconds and memory of training steps beside what one would run instead, as ratios of interleaved repeats.

    python benchmarks/training_step.py slowfast [--preset r50_8x8] [--frames 32] [--size 224] [--precision bf16]
    python benchmarks/training_step.py speech [--preset wav2vec2_base] [--seconds 4]
    python benchmarks/training_step.py parts [--preset r50_8x8]    # the whole network and its branches
    python benchmarks/training_step.py attention                   # 256 frames beside 30 s of waveform

Each adds a row to benchmarks/results/training_step.json. All variants of a row take turns within one process, so that
a busy machine slows all alike; `cpu_s` are medians of processor seconds of forward and backward together (on CUDA, of
seconds), `to_first` is a variant's median by that of the first. Memory is what one step adds to the peak that is
allocated, of that variant alone. Needs pytorchvideo (slowfast) and transformers (speech) beside vaer.
"""

import argparse
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from vaer.config import AudioConfig, Config, DataConfig, FusionConfig, ModelConfig, VideoConfig, resolve
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.models.fusion.cross_attention import CrossAttentionFusion
from vaer.models.layers.pooling import masked_mean
from vaer.models.network import VAER, network_settings
from vaer.models.video.slowfast import SlowFast, normalise, slow_index
from vaer.records import Batch, Stream, Tokens
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "training_step.json"
SEED = 0
CHANNELS_LAST = torch.channels_last_3d
Variants = dict[str, Callable[[], Tensor]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--preset")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=224, help="width and height of a frame, pixels")
    parser.add_argument("--seconds", type=float, default=4.0, help="of waveform")
    parser.add_argument("--batch", type=int, default=1, help="clips")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="more of them also count the time that they wait")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # of libraries that are no longer kept
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    variants = PARTS[options.part](options)
    facts = machine_facts()
    row = {"command": f"python benchmarks/training_step.py {' '.join(arguments or sys.argv[1:])}", "seed": SEED,
           "git_commit": facts["git_commit"], "machine": facts["machine"], "torch": facts["versions"]["torch"],
           "device": options.device, "threads": options.threads, "repeats": options.repeats,
           "variants": measure(variants, options)}
    rows = json.loads(options.out.read_text()) if options.out.exists() else {}
    rows[row["command"]] = row
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    for name, told in row["variants"].items():
        print(f"{name:40} {told['cpu_s']:8.3f} s  {told['to_first']:5.2f}  {told['peak_mib']:7.0f} MiB")


def measure(variants: Variants, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Median seconds of each variant, its ratio to the first, and its memory."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    peaks = {name: peak_mib(partial(step, variant, options), options.device) for name, variant in variants.items()}
    for _ in range(options.repeats):
        for name, variant in variants.items():
            seconds[name].append(timed(partial(step, variant, options), options.device))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    first = next(iter(medians.values()))
    return {name: {"cpu_s": round(median, 4), "to_first": round(median / first, 3), "least_s": round(min(taken), 4),
                   "peak_mib": round(peaks[name], 1)}
            for (name, median), taken in zip(medians.items(), seconds.values(), strict=True)}


def step(variant: Callable[[], Tensor], options: argparse.Namespace) -> None:
    """Forward and backward of the mean square of what the variant gives."""
    with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
        loss = variant().float().square().mean()
    loss.backward()


def timed(run: Callable[[], None], device: str) -> float:
    """Processor seconds, or seconds until a GPU is done."""
    if device == "cpu":
        started = process_time()
        run()
        return process_time() - started
    torch.cuda.synchronize()
    started = perf_counter()
    run()
    torch.cuda.synchronize()
    return perf_counter() - started


def peak_mib(run: Callable[[], None], device: str) -> float:
    """What torch's allocator holds at most during a step, beside what it held before."""
    run()  # gradients are there from now on
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most / 2**20


def slowfast(options: argparse.Namespace) -> Variants:
    """Ours, and pytorchvideo's of the same preset (r50_8x8, r50_4x16) in two memory formats; tiny has no twin."""
    preset = options.preset or "r50_8x8"
    config = settings(options, video=VideoConfig(preset=preset)).model.video
    frames, times = random_frames(options)
    ours = SlowFast(config=config).to(options.device)
    variants: Variants = {"ours": lambda: ours(frames, times).values}
    if preset == "tiny":
        return variants
    from pytorchvideo.models.slowfast import create_slowfast

    index = slow_index(options.frames, config.alpha).to(options.device)
    edge = options.size // 32

    def theirs(network: nn.Module, form: torch.memory_format) -> Tensor:
        pictures = normalise(frames).contiguous(memory_format=form)
        return network([pictures[:, :, index].contiguous(memory_format=form), pictures])

    for name, form in (("default", torch.contiguous_format), ("channels_last_3d", CHANNELS_LAST)):
        network = create_slowfast(
            slowfast_channel_reduction_ratio=(8,), slowfast_conv_channel_fusion_ratio=2,
            slowfast_fusion_conv_kernel_size=(config.fusion_kernel, 1, 1), model_depth=50, model_num_class=8,
            slowfast_fusion_conv_stride=(config.alpha, 1, 1),
            head_pool_kernel_sizes=((options.frames // config.alpha, edge, edge), (options.frames, edge, edge)))
        network = network.to(options.device)
        if form == CHANNELS_LAST:
            network = network.to(memory_format=form)
        variants[f"pytorchvideo, {name}"] = partial(theirs, network, form)
    return variants


def speech(options: argparse.Namespace) -> Variants:
    """Ours, and transformers' base encoder of the same kind: wav2vec2_base, hubert_base or wavlm_base."""
    import transformers

    preset = options.preset or "wav2vec2_base"
    kind = {"wav2vec2_base": "Wav2Vec2", "hubert_base": "Hubert", "wavlm_base": "WavLM"}[preset]
    ours = Wav2Vec(config=settings(options, audio=AudioConfig(preset=preset, dropout=0.1)).model.audio)
    ours = ours.to(options.device)
    config = getattr(transformers, f"{kind}Config")(apply_spec_augment=False, layerdrop=0.0)
    theirs = getattr(transformers, f"{kind}Model")(config).train().to(options.device)
    waveform, num_samples = random_waveform(options)
    return {"ours": lambda: ours(waveform, num_samples).values,
            "transformers": lambda: theirs(waveform, output_hidden_states=True).last_hidden_state}


def parts(options: argparse.Namespace) -> Variants:
    """The whole network, and its two branches alone."""
    preset = options.preset or "r50_8x8"
    config = settings(options, video=VideoConfig(preset=preset),
                      audio=AudioConfig(preset="tiny" if preset == "tiny" else "wav2vec2_base"))
    network = VAER(settings=network_settings(config, tuple("abcdefgh"))).to(options.device)
    frames, times = random_frames(options)
    waveform, num_samples = random_waveform(options)
    there, number = (torch.ones(options.batch, dtype=kind, device=options.device) for kind in (torch.bool, torch.int64))
    batch = Batch(frames, times, there, waveform, num_samples, there, labels=number, ids=number, speakers=number)
    return {"whole network": lambda: torch.cat([part for part in network(batch)[:3] if part is not None]),
            "video branch": lambda: network.video(frames, times).values,
            "audio branch": lambda: network.audio(waveform, num_samples).values}


def attention(options: argparse.Namespace) -> Variants:
    """Cross-attention of 256 frames and as many tokens as 30 s of waveform have; with `attention` all is kept."""
    fusion = CrossAttentionFusion(video_dim=256, audio_dim=256, num_classes=8, config=FusionConfig()).to(options.device)
    streams = []
    for length in (256, 1499):
        values = torch.randn(options.batch, length, 256, device=options.device, requires_grad=True)
        times = torch.linspace(0, 30, length, device=options.device).repeat(options.batch, 1)
        tokens = Tokens(values, times, torch.ones_like(times, dtype=torch.bool))
        streams.append(Stream(tokens, masked_mean(tokens)))
    return {"as in training": lambda: fusion(*streams).embedding,
            "told the weights": lambda: fusion(*streams, attention=True).embedding}


def settings(options: argparse.Namespace, **model: VideoConfig | AudioConfig) -> Config:
    """Resolved settings of a network for the clips of `options`."""
    return resolve(Config(data=DataConfig(num_frames=options.frames, size=options.size), model=ModelConfig(**model)))


def random_frames(options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Frames, and the times at which they are shown."""
    shape = options.batch, options.frames, options.size, options.size, 3
    times = torch.linspace(0, options.seconds, options.frames).repeat(options.batch, 1)
    return torch.randint(0, 256, shape, dtype=torch.uint8).to(options.device), times.to(options.device)


def random_waveform(options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Waveforms, all of one length, and their true samples."""
    samples = round(options.seconds * 16_000)
    waveform = torch.randn(options.batch, samples) * 0.1
    return waveform.to(options.device), torch.full((options.batch,), samples, device=options.device)


PARTS = {"slowfast": slowfast, "speech": speech, "parts": parts, "attention": attention}

if __name__ == "__main__":
    main()
