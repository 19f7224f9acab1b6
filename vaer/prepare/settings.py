"""What a prepared clip looks like."""

from dataclasses import dataclass

from vaer.config import require_range


@dataclass(frozen=True)
class PrepareConfig:
    """How raw files become compact clips of a face."""

    size: int = 224
    """Largest height and width of a prepared frame, pixels; a smaller face is not enlarged."""
    fps: float | None = None
    """Frames a second; none keeps every frame at its own time."""
    quality: int = 23
    """Quantizer of H.264, 0 (largest files) to 51 (worst looks)."""
    gop: int = 12
    """Frames from one key frame to the next: fewer make far apart frames quicker to reach, and files larger."""
    margin: float = 0.25
    """What is kept around the face on every side, as a share of the face's own size."""
    silence_db: float = -70.0
    """A clip whose loudest 20 ms stay under this level is reported as silent, dB of full scale."""
    timeout_s: float = 600.0
    """Processor time that a file may take for every minute of it, seconds; beyond that it is given up, reported, and
    tried again by the next call."""

    def __post_init__(self) -> None:
        require_range("size", self.size, 16, 4096)
        require_range("fps", self.fps, 0.1, 1000)
        require_range("quality", self.quality, 0, 51)
        require_range("gop", self.gop, 1, 10_000)
        require_range("margin", self.margin, 0, 4)
        require_range("silence_db", self.silence_db, -200, 0)
        require_range("timeout_s", self.timeout_s, 0.1)
