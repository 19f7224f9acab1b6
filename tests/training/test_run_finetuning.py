"""Runs that begin from weights: heads fitted first, averages, anchors, thawing."""

import dataclasses

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from hf_makers import MOONSHINE
from makers import make_batch, replace, tiny_audio, tiny_network, tiny_video
from run_makers import config, weights, write_takes
from timm.utils import ModelEmaV3

from vaer.config import AudioConfig
from vaer.errors import RunError
from vaer.models.network import load_network
from vaer.training import run as run_module
from vaer.training.run import train

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_takes(tmp_path_factory.mktemp("corpus"))


def test_heads_are_fitted_first_once_and_for_good(corpus, tmp_path, monkeypatch, capsys):
    """The first epoch begins from them; a run interrupted in it goes on from there without fitting again."""
    train(config(corpus, tmp_path / "first", train={"epochs": 1}))
    fits, begun = [], []

    def settings(output, resume=False):
        made = config(corpus, tmp_path / output, protocol="all_train", init=str(tmp_path / "first"), video=tiny_video(),
                      audio=tiny_audio(head_dropout=0.0), train={"probe_first": True, "resume": resume})
        return replace(made, "model", audio=dataclasses.replace(made.model.audio, dropout=0.2))

    def fit_heads(network, *arguments, **options):
        fits.append(options["branches"])
        return original(network, *arguments, **options)

    def train_epoch(network, *arguments, **settings):
        begun.append(network.audio_head.classifier.weight.detach().clone())
        return epoch(network, *arguments, **settings)

    original, epoch = run_module.fit_heads, run_module.train_epoch
    monkeypatch.setattr(run_module, "fit_heads", fit_heads)
    monkeypatch.setattr(run_module, "train_epoch", train_epoch)
    train(settings("whole"))
    assert fits == [["video", "audio"]]
    assert "head of the audio branch fitted to " in capsys.readouterr().out
    assert not torch.equal(begun[0], weights(tmp_path / "first")["audio_head.classifier.weight"])
    check, asked = Accelerator.check_trigger, []

    def interrupted(self):  # while heads are fitted, before they are saved, then after the first step
        asked.append(1)
        if len(asked) in (1, 5):
            self.set_trigger()
        return check(self)

    monkeypatch.setattr(Accelerator, "check_trigger", interrupted)
    for reason in (r"Interrupted while heads were fitted, .*begin again by", "Interrupted at step 1 of epoch 1"):
        AcceleratorState._reset_state(reset_partial_state=True)
        with pytest.raises(RunError, match=reason):
            train(settings("parts", resume=True))
    AcceleratorState._reset_state(reset_partial_state=True)
    train(settings("parts", resume=True))
    assert len(fits) == 3  # whole, given up, whole
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "parts")[name]), name


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_the_average_of_the_weights_and_statistics_is_scored_and_kept(corpus, tmp_path, monkeypatch, precision):
    """A share of 0.5: after 3 steps 1/8 of the start, 1/8, 1/4 and 1/2 of the weights after each step, buffers too."""
    after, scored = [], []
    ask = run_module.predict
    monkeypatch.setattr(run_module, "predict", lambda network, *arguments, **options: scored.append(
        next(network.parameters()).detach().clone()) or ask(network, *arguments, **options))
    step = run_module.Run._after_step

    def watch(self, *arguments):
        after.append({name: tensor.clone() for name, tensor in
                      self.accelerator.unwrap_model(self.network).state_dict().items()})
        step(self, *arguments)

    began = run_module.Run.learn
    monkeypatch.setattr(run_module.Run, "_after_step", watch)
    monkeypatch.setattr(run_module.Run, "learn", lambda self: after.append(
        {name: tensor.clone() for name, tensor in self.network.state_dict().items()}) or began(self))
    selects = run_module.read_split
    monkeypatch.setattr(run_module, "read_split", lambda data: (selects(data)[0], selects(data)[1]._replace(
        validation=selects(data)[1].test, test=[])))
    learning = {"epochs": 1, "batch_size": 1, "ema": 0.5, "mixed_precision": precision}
    train(config(corpus, tmp_path / "run", train=learning, speaker_norm=True))
    kept = weights(tmp_path / "run")
    assert len(after) == 4
    assert any("running_mean" in name for name in kept)
    for name, tensor in kept.items():
        if tensor.is_floating_point():
            shares = zip((1 / 8, 1 / 8, 1 / 4, 1 / 2), after, strict=True)
            expected = sum(share * state[name] for share, state in shares)
            torch.testing.assert_close(tensor, expected, atol=1e-5, rtol=1e-4, msg=name)
    first = next(iter(dict(load_network(tmp_path / "run" / "best").named_parameters())))
    assert torch.equal(scored[0], kept[first])


def test_a_run_with_an_average_an_anchor_thawing_and_noise_resumes_to_the_same(corpus, tmp_path, monkeypatch):
    train(config(corpus, tmp_path / "first", train={"epochs": 1}))

    def settings(output, **train):
        made = {"ema": 0.7, "start_decay": 0.1, "thaw": 0.5, "ogm_ge": 0.5, "ogm_noise": True, "batch_size": 1} | train
        return config(corpus, tmp_path / output, init=str(tmp_path / "first"), train=made)

    train(settings("whole"))
    check, asked = Accelerator.check_trigger, []

    def interrupted(self):
        asked.append(1)
        if len(asked) == 2:
            self.set_trigger()
        return check(self)

    monkeypatch.setattr(Accelerator, "check_trigger", interrupted)
    AcceleratorState._reset_state(reset_partial_state=True)
    with pytest.raises(RunError, match="Interrupted at step 2 of epoch 1"):
        train(settings("parts", resume=True))
    AcceleratorState._reset_state(reset_partial_state=True)
    train(settings("parts", resume=True))
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "parts")[name]), name


@pytest.mark.parametrize("audio", [tiny_audio(), AudioConfig(kind="transformers", normalize=False, time_masks=1,
                                                             architecture={"model_type": "moonshine"} | MOONSHINE)])
def test_an_average_answers_by_its_own_weights_whatever_was_wrapped_around_the_network(audio):
    """Half precision puts a wrapper around `forward`, and a hook hides features: both are copied, not shared."""
    accelerator = Accelerator(cpu=True, mixed_precision="bf16")
    network = accelerator.prepare(tiny_network(audio=audio))
    average = ModelEmaV3(accelerator.unwrap_model(network), decay=0.5).module
    for parameter in average.audio_head.parameters():
        parameter.data.zero_()
    network.eval()
    with torch.no_grad():
        assert (average(make_batch([0.3, 0.4])).audio_logits == 0).all()
        assert (network(make_batch([0.3, 0.4])).audio_logits != 0).any()
    if audio.kind == "transformers":
        hooks = average.audio._extractor_end()._forward_hooks
        assert [hook.__self__ is average.audio for hook in hooks.values()] == [True]
