"""How the figures of benchmarks are saved."""

from pathlib import Path


def save(figure, path, dpi=120):
    """Write a figure as PNG and, beside it, as PDF for a paper; the same figure gives the same bytes."""
    path = Path(path)
    figure.savefig(path.with_suffix(".png"), dpi=dpi)
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
