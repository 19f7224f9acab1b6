"""The settings of learning."""

from dataclasses import dataclass
from typing import Literal

from vaer.checks import require, require_range

TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")
"""What shows curves; its package has the same name."""


@dataclass(frozen=True)
class TrainConfig:
    """How it learns."""

    epochs: int = 30
    """Passes over the training clips."""
    batch_size: int = 16
    """Clips of an optimizer step, over all processes and accumulated parts together."""
    accumulation: int = 1
    """Parts into which each process cuts its share of a step, to save memory; nothing depends on it but batch norms
    that learn, which see a part at a time."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """The optimizer (sgd: momentum 0.9)."""
    lr: float = 1e-4
    """Peak learning rate of the fusion and the heads."""
    video_lr: float | None = None
    """Peak learning rate of the video branch; none means train.lr."""
    audio_lr: float | None = None
    """Peak learning rate of the audio branch; none means train.lr."""
    layer_decay: float = 1.0
    """Factor on the learning rate for every layer further from a branch's end, 0 to 1 (1 = the same everywhere)."""
    probe_first: bool = False
    """Before the first epoch, fit the heads of all branches that start from weights, on one pass over the training
    clips; then everything learns from there."""
    probe_strength: float | None = None
    """probe_first only: none fits a linear discriminant, shrunk as answers best for training speakers left out in turn.
    A number fits a logistic regression to convergence, and is scikit-learn's C."""
    thaw: float = 0.0
    """Share of all steps over which the layers of the branches begin to learn one after another, from the last to the
    first, 0 to 1; 0 lets all learn from the start."""
    start_decay: float = 0.0
    """Pull of branches that start from weights back to these (L2-SP): so many halves of the squared distance are added
    to the loss; 0 lets go."""
    ema: float = 0.0
    """Share that the moving average of the weights and statistics keeps at every step, 0 to 1, such as 0.99; validation
    then selects among averages, and best/ holds one; 0 takes the weights themselves."""
    weight_decay: float = 0.05
    """Weight decay of matrices and kernels, decoupled in adamw; biases and norms have none."""
    warmup: float = 0.1
    """Share of all steps in which the learning rate climbs from 0, 0 to 1; a half cosine to 0 follows."""
    clip_norm: float = 1.0
    """Largest norm of the gradient of a step; 0 does not clip."""
    label_smoothing: float = 0.0
    """Share of the target given to all classes evenly, 0 to 1."""
    mixup: float = 0.0
    """Mix every training clip with a neighbour of its step, frames, waveform and labels by one share that is drawn from
    Beta(mixup, mixup), such as 0.4; 0 mixes none."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight of each clip in all cross-entropies, those of probe_first too; balanced: by the inverse number of training
    clips of its class, 1 on average, so that rare classes count as much as frequent ones."""
    ogm_ge: float = 0.0
    """How strongly the gradients of the branch that is ahead are scaled down (alpha of OGM-GE), such as 0.1 to 0.8; 0
    leaves them alone. Wants sgd: adamw, which divides by the size of gradients, hardly sees it."""
    ogm_noise: bool = False
    """ogm_ge only: add to each gradient of the branches white noise of its own deviation (the GE of OGM-GE)."""
    mmpareto: bool = False
    """Where the gradients of the answer and of a branch's own head pull against each other, take the branch along the
    direction that serves both (MMPareto). One more backward pass a step; wants sgd more than adamw."""
    video_loss: float = 0.3
    """Weight of the cross-entropy of the video branch's own head."""
    audio_loss: float = 0.3
    """Weight of the cross-entropy of the audio branch's own head."""
    mixed_precision: Literal["no", "bf16", "fp16"] | None = None
    """Arithmetic of the forward pass; none takes what `accelerate launch` was told."""
    compile: bool = False
    """Let branches and fusion learn through torch.compile: the first steps take minutes, later ones perhaps less; wants
    a compiler."""
    sync_batchnorm: bool = False
    """Several GPUs: batch-norm statistics over all of them."""
    patience: int = 0
    """Stop after this many epochs without a better validation UAR; 0 goes on to the end."""
    stop_epoch: int = 0
    """Stop after this epoch, on the learning rates that `epochs` plans; 0 goes on to the end."""
    refit: bool = False
    """Train once more afterwards, into OUTPUT-refit, on training and validation clips together, from the start to the
    epoch that validation chose: for comparison with results that had no validation speakers."""
    save_steps: int = 0
    """Save the state of the run every so many steps, beside every end of epoch; 0 saves at ends of epochs alone."""
    log_steps: int = 10
    """Write the losses, gradients and learning rates of every so many steps to steps.jsonl; 0 tells epochs alone."""
    tracker: str = "tensorboard"
    """What shows the curves: tensorboard, wandb, mlflow, trackio, several with commas, or none."""
    resume: bool = False
    """Go on where the run in `output` was interrupted; the settings must be the same."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation"):
            require_range(f"train.{name}", getattr(self, name), 1)
        for name in ("lr", "video_lr", "audio_lr", "weight_decay", "clip_norm", "video_loss", "audio_loss", "ogm_ge",
                     "mixup", "patience", "stop_epoch", "save_steps", "log_steps"):
            require_range(f"train.{name}", getattr(self, name), 0)
        for name in ("layer_decay", "warmup", "label_smoothing", "thaw", "ema"):
            require_range(f"train.{name}", getattr(self, name), 0, 1)
        for name in self.trackers:
            require(name in TRACKERS, f"--train.tracker {name} is unknown; choose from {', '.join(TRACKERS)} (several "
                                      f"with commas), or none.")
        require_range("train.probe_strength", self.probe_strength, 1e-6)
        require_range("train.start_decay", self.start_decay, 0)
        require(not self.ogm_noise or self.ogm_ge > 0,
                "--train.ogm_noise true belongs to --train.ogm_ge, which is 0; give it such as 0.1, or leave both out.")
        require(not self.ogm_ge or min(self.video_loss, self.audio_loss) > 0,
                f"--train.ogm_ge {self.ogm_ge} compares the branches by their own heads, and --train.video_loss "
                f"{self.video_loss} with --train.audio_loss {self.audio_loss} leaves one without a lesson; raise it.")
        require(not self.mmpareto or min(self.video_loss, self.audio_loss) > 0,
                f"--train.mmpareto true weighs the lessons of the branches' own heads, and --train.video_loss "
                f"{self.video_loss} with --train.audio_loss {self.audio_loss} leaves one without; raise it.")
        require(not self.mmpareto or not self.ogm_ge,
                f"--train.mmpareto true and --train.ogm_ge {self.ogm_ge} both change the gradients of branches; leave "
                f"one of them out.")
        require(not self.mmpareto or self.accumulation == 1,
                f"--train.mmpareto true compares gradients of a whole step, which --train.accumulation "
                f"{self.accumulation} gives in parts; set it to 1.")
        require(not self.mmpareto or not self.compile,
                "--train.mmpareto true goes backward twice, which --train.compile true cannot; leave one of them out.")
        require(self.ema < 1, "--train.ema 1 would never take anything in; 0.99 is usual for a few hundred steps.")
        require(self.stop_epoch <= self.epochs,
                f"--train.stop_epoch {self.stop_epoch} is after the last of --train.epochs {self.epochs}; lower it.")
        require(self.batch_size % self.accumulation == 0,
                f"--train.batch_size {self.batch_size} is not a multiple of --train.accumulation {self.accumulation}.")

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names in `tracker`, each once."""
        names = [name.strip() for name in self.tracker.split(",") if name.strip()]
        return () if names == ["none"] else tuple(dict.fromkeys(names))
