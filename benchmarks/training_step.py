"""Processor seconds and memory of training steps beside what one would run instead, as ratios of interleaved repeats.

    python benchmarks/training_step.py slowfast [--preset r50_8x8] [--frames 32] [--size 224] [--precision bf16]
    python benchmarks/training_step.py speech [--preset wav2vec2_base] [--seconds 4]
    python benchmarks/training_step.py parts [--preset r50_8x8]    # the whole network and its parts
    python benchmarks/training_step.py attention                   # 256 frames beside 30 s of waveform
    python benchmarks/training_step.py cost --axis frames          # or size, seconds, batch: the whole network
    python benchmarks/training_step.py compiled [--preset tiny]    # the whole network as written, and compiled
    python benchmarks/training_step.py picture                     # draws the rows of `cost`

Each adds a row to benchmarks/results/training_step.json. All variants of a row take turns within one process, so that
a busy machine slows all alike; `cpu_s` are medians of processor seconds of forward and backward together (on CUDA, of
seconds), `to_first` is a variant's median by that of the first. Memory is what one step adds to the peak that is
allocated, of that variant alone. With `--shortest 0.5` the clips of a batch are of several lengths, from that share of
`--seconds` up; transformers gets a mask then. Needs pytorchvideo (slowfast) and transformers (speech) beside vaer.
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
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from vaer.config import AudioConfig, ClipConfig, Config, DataConfig, FusionConfig, ModelConfig, VideoConfig, resolve
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.models.fusion.cross_attention import CrossAttentionFusion
from vaer.models.layers.pooling import masked_mean
from vaer.models.network import VAER, network_settings
from vaer.models.video.slowfast import SlowFast, normalise, slow_index
from vaer.records import Batch, Stream, Tokens
from vaer.runs.provenance import machine_facts
from vaer.training.compiled import compile_parts

RESULT = Path(__file__).parent / "results" / "training_step.json"
SEED = 0
CHANNELS_LAST = torch.channels_last_3d
AXES = {"frames": (8, 16, 32, 64), "size": (64, 112, 160, 224), "seconds": (1.0, 2.0, 4.0, 8.0), "batch": (1, 2, 4)}
"""What a step's cost is measured against, and at which values."""
UNITS = {"frames": "frames of a clip", "size": "width of a frame, pixels", "seconds": "waveform, seconds",
         "batch": "clips of a step"}
Variants = dict[str, Callable[[], Tensor]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*PARTS, "picture"])
    parser.add_argument("--preset")
    parser.add_argument("--axis", choices=AXES, default="frames", help="of `cost`")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=224, help="width and height of a frame, pixels")
    parser.add_argument("--seconds", type=float, default=4.0, help="of waveform")
    parser.add_argument("--shortest", type=float, default=1.0, help="clip of a batch, as a share of --seconds")
    parser.add_argument("--batch", type=int, default=1, help="clips")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="more of them also count the time that they wait")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    if options.part == "picture":
        draw(options.out)
        return
    warnings.simplefilter("ignore")  # of libraries that are no longer kept
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    variants = PARTS[options.part](options)
    facts = machine_facts()
    row = {"command": f"python benchmarks/training_step.py {' '.join(arguments or sys.argv[1:])}", "seed": SEED,
           "git_commit": facts["git_commit"], "machine": facts["machine"], "torch": facts["versions"]["torch"],
           "device": options.device, "threads": options.threads, "repeats": options.repeats,
           "variants": measure(variants, options)}
    if options.part == "parts":
        whole, *parts = row["variants"].values()
        row["whole_to_sum_of_parts"] = round(whole["cpu_s"] / sum(part["cpu_s"] for part in parts), 3)
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
    mask = (torch.arange(waveform.shape[1], device=options.device) < num_samples[:, None]).long()
    padded = {"attention_mask": mask} if options.shortest < 1 else {}
    return {"ours": lambda: ours(waveform, num_samples).values,
            "transformers": lambda: theirs(waveform, output_hidden_states=True, **padded).last_hidden_state}


def whole_network(options: argparse.Namespace) -> VAER:
    """The network of a preset of the video branch, with a speech branch of its size."""
    preset = options.preset or "r50_8x8"
    config = settings(options, video=VideoConfig(preset=preset),
                      audio=AudioConfig(preset="tiny" if preset == "tiny" else "wav2vec2_base"))
    return VAER(settings=network_settings(config, tuple("abcdefgh"))).to(options.device)


def random_batch(options: argparse.Namespace) -> Batch:
    """Clips that have both modalities."""
    there, number = (torch.ones(options.batch, dtype=kind, device=options.device) for kind in (torch.bool, torch.int64))
    (frames, times), (waveform, num_samples) = random_frames(options), random_waveform(options)
    return Batch(frames, times, there, waveform, num_samples, there, labels=number, ids=number, speakers=number)


def answers(network: VAER, batch: Batch) -> Tensor:
    """All logits that the loss of training is made of."""
    return torch.cat([part for part in network(batch)[:3] if part is not None])


def parts(options: argparse.Namespace) -> Variants:
    """The whole network, its two branches alone, and its fusion and heads on tokens that were made before."""
    network, batch = whole_network(options), random_batch(options)
    with torch.no_grad():
        made = {"video": network.video(batch.frames, batch.frame_times),
                "audio": network.audio(batch.waveform, batch.num_samples)}

    def rest() -> Tensor:
        leaves = {name: tokens._replace(values=tokens.values.detach().requires_grad_())
                  for name, tokens in made.items()}
        streams = {name: Stream(tokens, masked_mean(tokens)) for name, tokens in leaves.items()}
        heads = [head(head.embed(leaves[name]), batch.has_video)
                 for name, head in (("video", network.video_head), ("audio", network.audio_head))]
        fused = network.fusion(streams["video"], streams["audio"]).embedding
        return torch.cat([network.fusion.classify(fused, None, None), *heads])

    return {"whole network": lambda: answers(network, batch),
            "video branch": lambda: network.video(batch.frames, batch.frame_times).values,
            "audio branch": lambda: network.audio(batch.waveform, batch.num_samples).values,
            "fusion and heads": rest}


def cost(options: argparse.Namespace) -> Variants:
    """The whole network on more and more of what `--axis` says, everything else as the other flags say."""
    network, variants = whole_network(options), {}
    for value in AXES[options.axis]:
        batch = random_batch(argparse.Namespace(**vars(options) | {options.axis: value}))
        variants[f"{options.axis} {value:g}"] = partial(answers, network, batch)
    return variants


def compiled(options: argparse.Namespace) -> Variants:
    """The whole network as written, and with its parts compiled; what compiling takes does not count."""
    batch, variants = random_batch(options), {}
    for name in ("as written", "compiled"):
        torch.manual_seed(SEED)
        network = whole_network(options)
        if name == "compiled":
            compile_parts(network, ClipConfig())
        variants[name] = partial(answers, network, batch)
    return variants


def draw(out: Path) -> None:
    """The rows of `cost` beside `out`, a panel an axis: the shortest step and its memory."""
    rows = {command_axis(row): row["variants"] for row in json.loads(out.read_text()).values()
            if " cost " in row["command"]}
    figure = Figure(figsize=(3 * len(rows), 3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for panel, (axis, variants) in zip(panels, rows.items(), strict=True):
        places = [float(name.split()[1]) for name in variants]
        panel.plot(places, [told["least_s"] for told in variants.values()], "o-", label="processor seconds")
        panel.plot(places, [told["peak_mib"] / 1024 for told in variants.values()], "s--", label="GiB at most")
        panel.set(xlabel=UNITS[axis], xticks=places, ylim=(0, None))
    panels[0].legend()
    save(figure, out)


def command_axis(row: dict) -> str:
    """The axis of a row of `cost`."""
    return next(iter(row["variants"])).split()[0]


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
    """Waveforms, and their true samples."""
    samples = round(options.seconds * 16_000)
    waveform = torch.randn(options.batch, samples) * 0.1
    lengths = torch.linspace(options.shortest * samples, samples, options.batch).round().long().clamp(max=samples)
    lengths[-1] = samples  # the longest one, of one clip too
    waveform = waveform * (torch.arange(samples) < lengths[:, None])
    return waveform.to(options.device), lengths.to(options.device)


PARTS = {"slowfast": slowfast, "speech": speech, "parts": parts, "attention": attention, "cost": cost,
         "compiled": compiled}

if __name__ == "__main__":
    main()
