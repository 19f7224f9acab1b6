"""A training run: build everything, learn epoch by epoch, keep the best and the last."""

import dataclasses
import errno
import shutil
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vaer.atomic_files import write_facts
from vaer.config import Config, dotted, resolve, write_config
from vaer.data.buckets import window_seconds
from vaer.data.census import census, require_classes, require_speakers, weighted
from vaer.data.cuts import count_cut, describe_counted_cuts, describe_cuts, find_cuts
from vaer.data.dataset import EvaluationClips, Modalities, TrainingClips
from vaer.data.guard import ordered
from vaer.data.lengths import window_lengths
from vaer.data.loader import Batches, StepSampler, evaluation_batches
from vaer.data.protocols import is_file, read_split
from vaer.data.waiting import WaitInterruptedError
from vaer.errors import RunError
from vaer.evaluation.calibration import choose_temperature
from vaer.evaluation.metrics import score
from vaer.evaluation.predict import Predictions, predict
from vaer.launch import build_accelerator, device_warnings
from vaer.media import decoders
from vaer.models.layers.speaker_norm import speaker_norms
from vaer.models.layers.statistics import averaged, synchronised
from vaer.models.network import VAER, network_settings
from vaer.records import UNKNOWN_SPEAKER, Metrics, Split
from vaer.runs.folder import RunFolder
from vaer.runs.provenance import machine_facts
from vaer.runs.recipe import recipe_of
from vaer.training.anchor import Anchor
from vaer.training.balance import balanced_weights
from vaer.training.checkpoint import Progress, load_last, newest_state, restore_best, save_best, save_last
from vaer.training.compiled import as_written, compile_parts, explained, length_step, require_compiler
from vaer.training.lock import held
from vaer.training.logging import RunLog, epoch_line
from vaer.training.loop import train_epoch
from vaer.training.meter import Meter, learning_rates
from vaer.training.modulation import COEFFICIENTS, Modulation
from vaer.training.optim import build_optimizer, build_scheduler, parts
from vaer.training.pareto import SHARES, Pareto
from vaer.training.probing import fit_heads
from vaer.training.readings import runs_ahead
from vaer.training.resume import recorded, require_resumable, require_same
from vaer.training.start import begin, described
from vaer.training.stopping import stop_asked, stopping_in_order, stops
from vaer.training.trackers import require_trackers
from vaer.weights.decide import decide
from vaer.words import counted

KEPT_BYTES = 2**28
"""Of validation clips that a process keeps in memory from epoch to epoch, instead of decoding them again."""


def train(config: Config) -> None:
    """Train one fold as `config` says, into the folder `config.output`; raises UserError or RunError."""
    config = resolve(decide(config))
    require_trackers(config.train.trackers)
    accelerator = build_accelerator(config)
    if config.train.compile:
        require_compiler(accelerator.device)
    folder = RunFolder(Path(config.output))
    with held(folder.path, accelerator):
        require_resumable(folder, config)
        classes, split = read_split(config.data)
        require_classes(config.data.root, split)
        if config.model.speaker_norm:
            require_speakers(config.data.root, split.train + split.validation, "--model.speaker_norm true")
        Run(config, accelerator, classes, split).learn()


class Run:
    """A training run with all its parts, on each of its processes."""

    def __init__(self, config: Config, accelerator: Accelerator, classes: tuple[str, ...], split: Split) -> None:
        self.config, self.accelerator = config, accelerator
        self.folder, self._is_main = RunFolder(Path(config.output)), accelerator.is_main_process
        set_seed(config.seed)
        network = VAER(settings=network_settings(config, classes))
        self.state = newest_state(self.folder) if config.train.resume else None
        self.origin = recorded(self.folder) if self.state is not None else begin(network, config)
        if config.train.sync_batchnorm:
            network = synchronised(network)
        self.parts = parts(network, config.train)
        self.parameters = sum(parameter.numel() for parameter in network.parameters())
        self._build_data(split, classes, Modalities(config.model.video.enabled, config.model.audio.enabled))
        self.speakers = {side: ordered({item.speaker for item in getattr(split, side)} - {UNKNOWN_SPEAKER})
                         for side in ("train", "validation")}
        if self.state is not None:
            require_same(self.folder, self.speakers, accelerator.mixed_precision)
        self.census = census(classes, split)
        self.cuts = find_cuts(split.train, config.data) if accelerator.is_main_process else None
        if self.cuts is not None:
            selects = find_cuts(split.validation, config.data)
            self.census += filter(None, (describe_cuts("training", self.cuts, config.data),
                                         describe_cuts("validation", selects, config.data)))
        self.class_weights = None
        if config.train.class_weights == "balanced":
            weights = balanced_weights(self.batches.clips.labels, len(classes))
            self.census += weighted(classes, weights.tolist())
            self.class_weights = weights.to(accelerator.device)
        self.split = split._replace(train=[], validation=[], test=[])  # a million items are not kept twice
        optimizer = build_optimizer(network, config.train)
        self.scheduler: LRScheduler = build_scheduler(optimizer, config.train, self.sampler.steps * config.train.epochs)
        self.progress, self.said_cuts = Progress(), False
        self.ahead = runs_ahead(accelerator.device)
        kind = torch.float32 if accelerator.device.type == "mps" else torch.float64
        self.loss_sum = torch.zeros((), dtype=kind, device=accelerator.device)
        """`progress.loss_sum`, on the device."""
        self.network: nn.Module
        self.optimizer: Optimizer
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        bare = accelerator.unwrap_model(self.network)
        self.modulation = Modulation(bare, config.train.ogm_ge, noise=config.train.ogm_noise,
                                     seed=config.seed) if config.train.ogm_ge else None
        self.pareto = Pareto(bare, accelerator) if config.train.mmpareto else None
        self.meter = Meter(bare, accelerator, COEFFICIENTS if self.modulation else SHARES if self.pareto else ())
        norms = speaker_norms(self.network)
        for norm in norms:
            norm.remember(torch.from_numpy(np.bincount(self.batches.clips.speakers)))
        self.anchor = Anchor(bare, self.origin["given"], config.train.start_decay) if config.train.start_decay else None
        self.average = averaged(bare, config.train.ema) if config.train.ema else None
        kept = [part for part in (self.anchor, self.average, self.modulation) if part is not None]
        accelerator.register_for_checkpointing(self.scheduler, self.progress, *(norm.memory for norm in norms), *kept)
        set_seed(config.seed + 1, device_specific=True)  # dropout differs between processes, weights do not

    def _build_data(self, split: Split, classes: tuple[str, ...], wanted: Modalities) -> None:
        config, accelerator = self.config, self.accelerator
        ranks = {"rank": accelerator.process_index, "world": accelerator.num_processes}
        loading = {"num_workers": config.data.num_workers, "device": accelerator.device}
        clips = TrainingClips(split.train, classes, config=config.data, wanted=wanted, seed=config.seed,
                              modality_dropout=config.model.modality_dropout, mixup=config.train.mixup)
        seconds = window_seconds(split.train, config.data, **ranks) if config.data.bucketing else None
        self.sampler = StepSampler(len(clips), batch_size=config.train.batch_size, seed=config.seed,
                                   accumulation=config.train.accumulation, seconds=seconds,
                                   pairs=config.train.mixup > 0, **ranks)
        multiple = length_step(config.data.clip) if config.train.compile else 1
        self.batches = Batches(clips, self.sampler, **loading, multiple=multiple)
        self.batches.interrupted = partial(stop_asked, accelerator)
        self.recipe = recipe_of(config, *window_lengths(split.train, config.data.clip)) if self._is_main else None
        self.validation = None
        if split.validation:
            clips = EvaluationClips(split.validation, classes, config=config.data, wanted=wanted,
                                    views=config.evaluate.views)
            self.validation = evaluation_batches(clips, batch_size=config.evaluate.batch_size, **ranks, **loading,
                                                 keep_bytes=KEPT_BYTES)
            self.validation.interrupted = partial(stop_asked, accelerator)
        self.probing = None
        if config.train.probe_first and self.state is None:
            clips = EvaluationClips(split.train, classes, config=config.data, wanted=wanted)
            self.probing = evaluation_batches(clips, batch_size=config.evaluate.batch_size, **ranks, **loading)
            self.probing.interrupted = partial(stop_asked, accelerator)

    def learn(self) -> None:
        """Go through the epochs that are left; ends early where patience does."""
        if self.state is not None:
            load_last(self.accelerator, self.state)
            self.loss_sum.fill_(self.progress.loss_sum)
            self.meter.restore(self.progress.meter)
        if self.accelerator.is_main_process:
            self.folder.path.mkdir(parents=True, exist_ok=True)
            restore_best(self.folder)
            write_config(self.config, self.folder.config_path)
            if is_file(self.config.data.protocol):
                part = self.folder.split_path.with_suffix(".part")
                shutil.copyfile(self.config.data.protocol, part)
                part.replace(self.folder.split_path)
            self._write_facts()
        log = RunLog(self.folder, main=self.accelerator.is_main_process, epochs_done=self.progress.epoch,
                     steps_done=self._steps_done(), trackers=self.config.train.trackers, settings=dotted(self.config))
        try:
            with stopping_in_order(self.accelerator):
                self._introduce(log)
                if self.probing is not None:
                    self._probe(log)
                if self.config.train.compile:
                    log.say(compile_parts(self.accelerator.unwrap_model(self.network), self.config.data.clip))
                with explained():
                    while not self._over():
                        self._epoch(log)
            self.progress.finished = True
            self._write_facts()
            log.say(self._result())
        except OSError as error:  # a row of the log, or curves, which carry no name of a file
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise RunError(f"{self.folder}: its disk is full ({error.strerror}); what was saved is whole: make room, "
                           f"then go on by the same command with --train.resume true.") from error
        finally:
            log.close()

    def _probe(self, log: RunLog) -> None:
        """Fit the heads of the branches that start from weights, say how well they do, and save that beginning."""
        log.begin("features of the training clips", len(self.probing))
        asked = partial(stop_asked, self.accelerator)
        try:
            fitted = fit_heads(self.network, log.counting(self.probing), self.accelerator, stopped=asked,
                               branches=self.origin["given"], strength=self.config.train.probe_strength,
                               class_weights=self.class_weights)
        except WaitInterruptedError:
            if self.accelerator.num_processes > 1:  # the others wait for its features
                raise
            fitted = {}
        if self.accelerator.check_trigger():
            raise RunError(f"Interrupted while heads were fitted, before anything was saved in {self.folder}; begin "
                           f"again by the same command with --train.resume true.")
        self.probing = None
        if self.average is not None:
            self.average.set(self.accelerator.unwrap_model(self.network))
        for name, outcome in fitted.items():
            log.say(f"head of the {name} branch {outcome}")
        if self.validation is not None:
            log.say(f"validation UAR before the first epoch {self._scored()[1].uar:.3f}")
        save_last(self.accelerator, self.folder)

    def _over(self) -> bool:
        progress, settings = self.progress, self.config.train
        waited = progress.epoch - progress.best_epoch
        return (progress.epoch >= (settings.stop_epoch or settings.epochs)
                or bool(self.validation and settings.patience and waited >= settings.patience))

    def _steps_done(self) -> int:
        return self.progress.epoch * self.sampler.steps + self.progress.step

    def _epoch(self, log: RunLog) -> None:
        config, progress = self.config, self.progress
        self.sampler.set_position(progress.epoch, progress.step)
        steps = self.sampler.steps
        log.begin_epoch(progress.epoch + 1, config.train.epochs, steps, progress.step)
        started, waited_s, first = perf_counter(), self.batches.waited_s, progress.step
        self.batches.samples[:] = 0
        try:
            train_epoch(self.network, self.batches, self.optimizer, self.scheduler, self.accelerator, config.train,
                        lambda loss: self._after_step(loss, log), self.meter, self.anchor,
                        class_weights=self.class_weights, modulation=self.modulation, pareto=self.pareto)
            progress.loss_sum = self.loss_sum.item()
        except WaitInterruptedError as error:
            if self.accelerator.num_processes > 1:  # the others are in the midst of a step
                raise
            self._save()
            raise RunError(f"{error} Step {progress.step} of epoch {progress.epoch + 1} was the last one, and is saved "
                           f"in {self.folder}.") from error
        took_s = perf_counter() - started
        row = {"epoch": progress.epoch + 1, "loss": progress.loss_sum / steps,
               "lr": self.scheduler.get_last_lr()[-1],
               "clips_per_s": (steps - first) * config.train.batch_size / took_s,
               "data_wait": (self.batches.waited_s - waited_s) / took_s, "train_s": took_s}
        row = row | self.meter.read_epoch() | learning_rates(self.optimizer) | row  # the loss as ever
        progress.epoch, progress.step, progress.loss_sum, progress.meter = progress.epoch + 1, 0, 0.0, None
        self.loss_sum.zero_()
        padding, cut = self._padding(), self._count_cut()
        if progress.epoch < (config.train.stop_epoch or config.train.epochs):
            self.sampler.set_position(progress.epoch)
            self.batches.begin()
        row |= padding | self._validate()
        log.epoch(row, self._steps_done())
        log.say(epoch_line(row, config.train.epochs, best=progress.best_epoch == progress.epoch))
        save_last(self.accelerator, self.folder)
        if cut is not None:
            self._say_cuts(log, *cut)

    def _count_cut(self) -> tuple[int, int] | None:
        """How many training clips were cut to their middle, of how many that were read; once, after the first epoch."""
        if self.config.data.window_s is not None or self.said_cuts:
            return None
        self.said_cuts = True
        count = count_cut(self.batches.clips).to(self.accelerator.device)
        cut, read = self.accelerator.reduce(count, reduction="sum").tolist()
        return cut, read

    def _say_cuts(self, log: RunLog, cut: int, read: int) -> None:
        """Say how many clips were cut, where that was not known before they were read."""
        if self.cuts is not None and (self.cuts.unknown or (read == self.cuts.clips and cut != self.cuts.cut)):
            log.say(describe_counted_cuts("training", cut, read, self.config.data))

    def _padding(self) -> dict[str, float]:
        """The share of the epoch's sound, over all processes, that was padding; nothing where no branch hears."""
        samples = torch.from_numpy(self.batches.samples).to(self.accelerator.device)
        real, padded = self.accelerator.reduce(samples, reduction="sum").tolist()
        return {"padding": 1 - real / padded} if padded else {}

    def _after_step(self, loss: Tensor, log: RunLog) -> None:
        progress, every = self.progress, self.config.train.save_steps
        progress.step += 1
        self.loss_sum += loss
        if self.average is not None:
            self.average.update(self.accelerator.unwrap_model(self.network))
        ends, interval = progress.step == self.sampler.steps, self.config.train.log_steps
        shown = bool(ends or (interval and progress.step % interval == 0))
        log.step(None if self.ahead and not shown else loss.item())
        if shown:
            row = {"step": self._steps_done(), "epoch": progress.epoch + 1} | self.meter.read()
            if interval:
                log.steps(row | learning_rates(self.optimizer))
        stop = stops(self.accelerator, progress.step)  # at the same step on all processes
        if stop or (every and progress.step % every == 0):
            self._save()
        if stop:
            raise RunError(f"Interrupted at step {progress.step} of epoch {progress.epoch + 1}; everything is saved "
                           f"in {self.folder}: go on by the same command with --train.resume true.")

    def _save(self) -> None:
        """Save the state in the midst of an epoch, with what was counted of it."""
        self.progress.loss_sum = self.loss_sum.item()
        self.meter.gather()
        self.progress.meter = self.meter.state()
        save_last(self.accelerator, self.folder)

    def _validate(self) -> dict[str, float]:
        """Score the validation speakers and keep the best; without any, the newest weights are the best."""
        progress = self.progress
        if self.validation is None:
            progress.best_epoch = progress.epoch
            save_best(self.accelerator, self._answering, self.folder, self.recipe)
            return {}
        clips = self.validation.clips
        predictions, metrics = self._scored()
        if (metrics.uar, -predictions.nll) > (progress.best_uar, -progress.best_nll):
            progress.best_uar, progress.best_nll, progress.best_epoch = metrics.uar, predictions.nll, progress.epoch
            if self.recipe is not None:
                temperature = choose_temperature(predictions.probabilities, predictions.labels, clips.speakers)
                self.recipe = dataclasses.replace(self.recipe, temperature=temperature)
            save_best(self.accelerator, self._answering, self.folder, self.recipe)
        alone = {f"validation_{name}_{branch}": value for branch, said in predictions.alone.items() if len(said.labels)
                 for name, value in (("uar", score(said.probabilities, said.labels).uar), ("nll", said.nll))}
        return {"validation_uar": metrics.uar, "validation_war": metrics.war, "validation_nll": predictions.nll} | alone

    @property
    def _answering(self) -> nn.Module:
        """The network that validation scores and `best/` keeps."""
        return self.network if self.average is None else self.average.module

    def _scored(self) -> tuple[Predictions, Metrics]:
        """What the network answers to the validation clips, and how well."""
        clips = self.validation.clips
        with as_written(self.config.train.compile):
            predictions = predict(self._answering, self.validation, self.accelerator, num_clips=len(clips),
                                  views=clips.views, items=clips.items)
        return predictions, score(predictions.probabilities, predictions.labels)

    def _introduce(self, log: RunLog) -> None:
        processes = counted(self.accelerator.num_processes, "process")
        log.say(f"{self.folder}: {self.parameters:,} parameters, {processes} on {self.accelerator.device.type}, "
                f"precision {self.accelerator.mixed_precision}")
        for warning in device_warnings(self.accelerator):
            log.say(f"WARNING: {warning}")
        log.say(f"split {self.config.data.protocol} fold {self.config.data.fold}: {self.split.verdict}")
        for line in self.census:
            log.say(line)
        if self.validation is None:
            log.say("no validation clips: the last epoch counts as the best")
        elif self.config.model.speaker_norm:
            log.say("validation adapts to each speaker over all unlabelled clips of it")
        if self.state is not None:
            log.say(f"resumed after {counted(self.progress.epoch, 'epoch')} and {counted(self.progress.step, 'step')}")
            return
        for line in described(self.origin, self.config.model.init):
            log.say(line)

    def _write_facts(self) -> None:
        if not self.accelerator.is_main_process:
            return
        facts = machine_facts() | {
            "seed": self.config.seed, "protocol": self.config.data.protocol, "fold": self.config.data.fold,
            "split": self.split.verdict, "leaks": list(self.split.leaks), "speakers": self.speakers,
            "classes": list(self.accelerator.unwrap_model(self.network).classes),
            "processes": self.accelerator.num_processes, "device": self.accelerator.device.type,
            "precision": self.accelerator.mixed_precision, "parameters": self.parameters, "decoder": self._decoder(),
            "peak_lr": {part.name: part.lr for part in self.parts},
            "started_from": self.config.model.init, **self.origin,
            "finished": self.progress.finished, "epochs": self.progress.epoch, "best_epoch": self.progress.best_epoch,
            "best_validation_uar": self.progress.best_uar if self.validation else None}
        write_facts(self.folder.facts_path, facts)

    def _decoder(self) -> str | None:
        """What decodes the pictures, with its version; None without them."""
        data = self.config.data
        return decoders.described(data.decoder, data.decode_device) if self.config.model.video.enabled else None

    def _result(self) -> str:
        done = f"done after {counted(self.progress.epoch, 'epoch')}"
        if self.validation is None:
            return f"{done}: {self.folder.best} holds the last one"
        return (f"{done}: best validation UAR {self.progress.best_uar:.3f} in epoch "
                f"{self.progress.best_epoch}, kept in {self.folder.best}")
