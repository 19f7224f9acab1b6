"""What runs compiled equals what runs as written; most tests stop before code is generated, which takes minutes."""

import json

import pytest
import torch
from accelerate.state import AcceleratorState
from makers import make_batch, make_tokens, replace, tiny_audio, tiny_network, tiny_video
from run_makers import config, weights, write_takes
from torch._dynamo.utils import counters

from vaer.config import ClipConfig, FusionConfig, TrainConfig
from vaer.errors import RunError, UserError
from vaer.models.fusion import FUSIONS
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream
from vaer.training import compiled, resume
from vaer.training.compiled import compile_parts, explained, length_step, require_compiler
from vaer.training.losses import clip_counts, emotion_loss
from vaer.training.run import train


@pytest.fixture(autouse=True)
def fresh_compiler(monkeypatch):
    """Nothing is compiled yet, and nothing is counted; `aot_eager` differentiates graphs and runs them as they are."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    yield
    torch._dynamo.reset()


def quiet_network(**model):
    """The whole tiny network (SlowFast, wav2vec style, cross attention) without dropout, in training mode."""
    parts = {"video": tiny_video(width=4), "audio": tiny_audio(dropout=0.0),
             "fusion": FusionConfig(dim=16, heads=2, layers=1, dropout=0.0)} | model
    return tiny_network(**parts).train()


def learned(network, batch):
    """The loss of a batch, and all gradients."""
    network.zero_grad()
    loss = emotion_loss(network(batch), batch, clip_counts([batch]), TrainConfig())
    loss.backward()
    return loss.item(), {name: parameter.grad for name, parameter in network.named_parameters()}


LENGTHS = [([0.5, 0.3], None), ([0.625, 0.2], None), ([0.75, 0.75], None)]
ROWS = [([0.5, 0.4, 0.3], None), ([0.5, 0.0, 0.4], None), ([0.5, 0.4, 0.3], [True, False, True])]


# torch asks for the gradient of what it is given, hides the warning that follows, and meets pytest's error instead.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.slow
@pytest.mark.parametrize(("batches", "counts", "backend"), [
    pytest.param(LENGTHS, [3, 5, 5], "aot_eager", id="lengths"), pytest.param(ROWS, [3, 5, 6], "eager", id="rows")])
def test_the_whole_network_compiles_without_a_break_and_learns_the_same(batches, counts, backend, monkeypatch):
    """Three graphs (video branch, audio branch, fusion); for a second length the latter two once more, for any length.
    So for another number of rows with a modality; the fusion then also meets times that lie otherwise in memory.

    No break is left: between the three the network asks which rows have which modality. `eager` leaves gradients to
    autograd, in half the time.
    """
    monkeypatch.setattr(compiled, "BACKEND", backend)
    written, network = quiet_network(), quiet_network()
    names = list(network.state_dict())
    compile_parts(network, ClipConfig())
    graphs = []
    for seconds, video in batches:
        batch = make_batch(seconds, video=video)
        loss, gradients = learned(network, batch)
        expected, others = learned(written, batch)
        assert loss == pytest.approx(expected, rel=1e-6)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, others[name], rtol=1e-4, atol=1e-6, msg=name)
        graphs.append(counters["stats"]["unique_graphs"])
    assert not counters["graph_break"]
    assert graphs == counts
    assert list(network.state_dict()) == names
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, written.state_dict()[name], rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", sorted(set(FUSIONS) - {"cross_attention"}))
def test_every_fusion_compiles_without_a_break(kind):
    network = quiet_network(fusion=FusionConfig(kind=kind, dim=16, heads=2, layers=2, dropout=0.0))
    network.video = network.audio = None  # which have their own test
    streams = [stream(dim) for dim in (network.video_head.out_dim // 2, network.audio_head.out_dim // 2)]
    expected = network.fusion(*streams)
    compile_parts(network, ClipConfig())
    found = network.fusion(*streams)
    assert counters["stats"]["unique_graphs"] == (kind != "mean")  # whose forward pass computes nothing
    assert not counters["graph_break"]
    if kind != "mean":
        torch.testing.assert_close(found.embedding, expected.embedding)


def stream(dim):
    tokens = make_tokens(2, 5, dim, real=3)
    return Stream(tokens, masked_mean(tokens))


def test_image_networks_break_once_where_frames_that_are_shown_twice_are_left_out():
    """How many different frames there are is known from the data alone."""
    network = quiet_network(video=tiny_video(kind="timm"))
    compile_parts(network, ClipConfig())
    batch = make_batch([0.3, 0.3])
    network.video(batch.frames, torch.tensor([0.0, 0, 1, 2, 2, 3, 4, 5]).expand(2, 8)).values.sum().backward()
    reasons = [reason for reason in counters["graph_break"] if "aten.nonzero" in reason]
    assert len(counters["graph_break"]) == len(reasons) == 1


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_takes(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("first", [True, False])
def test_a_run_goes_on_compiled_or_not(corpus, tmp_path, first, monkeypatch, capsys, fresh_accelerator):
    """Audio alone, without dropout, which draws other numbers for other lengths."""
    monkeypatch.setattr(compiled, "BACKEND", "eager")

    def settings(output, **train):
        train = train | {"optimizer": "sgd"}  # AdamW would make rounding visible where a gradient is zero
        made = config(corpus, output, protocol="all_train", train=train, video=tiny_video(enabled=False),
                      audio=tiny_audio(dropout=0.0))
        audio = replace(made.model, "audio", dropout=0.0).audio
        return replace(replace(made, "model", modality_dropout=0.0, audio=audio), "data", max_seconds=4.0)

    train(settings(tmp_path / "whole"))
    AcceleratorState._reset_state(reset_partial_state=True)
    train(settings(tmp_path / "parts", compile=first, stop_epoch=1))
    AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setattr(resume, "MAY_DIFFER", resume.MAY_DIFFER | {"train.stop_epoch"})
    train(settings(tmp_path / "parts", compile=not first, resume=True))
    said = capsys.readouterr().out
    assert said.count("compiled: audio branch; waveforms are padded to multiples of 0.50 s") == 1
    for name, tensor in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "parts")[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    padding = [[json.loads(row)["padding"] for row in (tmp_path / run / "log.jsonl").read_text().splitlines()]
               for run in ("whole", "parts")]
    more = 0 if first else 1  # the epoch that ran compiled
    assert padding[1][more] > padding[0][more]
    assert padding[1][1 - more] == padding[0][1 - more]
    assert counters["stats"]["unique_graphs"] <= 2


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_told_before_anything_is_read(tmp_path, monkeypatch, fresh_accelerator):
    """Tried in this order: torch remembers for the whole process what it found out without a compiler."""
    monkeypatch.setattr(compiled, "BACKEND", "inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "with"))
    require_compiler(torch.device("cpu"))
    assert list(tmp_path.rglob("*.so"))  # which it made
    torch._dynamo.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "without"))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/g++",))
    with pytest.raises(UserError, match=r"^--train\.compile true: .*No working C\+\+ compiler found.*leave --train"):
        train(config(tmp_path / "nowhere", tmp_path / "run", train={"compile": True}))
    assert not (tmp_path / "run").exists()


def test_what_the_compiler_cannot_do_in_a_run_is_a_sentence():
    def broken(*_):
        raise NotImplementedError("no such kernel\nand more")

    message = r"^--train\.compile true: torch\.compile fails here \(.*no such kernel\); "
    with pytest.raises(RunError, match=message), explained():
        torch.compile(torch.sin, backend=broken)(torch.ones(1))


@pytest.mark.parametrize(("clip", "samples"), [
    (ClipConfig(), 20_000),  # an eighth of 10 s at 16 kHz
    (ClipConfig(window_s=2.0), 4_000), (ClipConfig(max_seconds=0.1), 200), (ClipConfig(window_s=0.10005), 201)])
def test_an_eighth_of_the_longest_window(clip, samples):
    assert length_step(clip) == samples
