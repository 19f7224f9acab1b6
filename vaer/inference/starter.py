"""The starter network: a distribution of its own under its data's licence, found here and never contained."""

from importlib.util import find_spec
from pathlib import Path

from vaer.errors import UserError
from vaer.inference.network import Trained, open_network
from vaer.runs.folder import RunFolder

PACKAGE = "vaer_starter"
RUN = "run"
"""The folder of the network in that package, laid out as a run."""
NAME = "starter"
REMEDY = "`pip install ./starter` in a clone of vaer, or `make setup` there"


def find_starter() -> Path:
    """The folder of the starter network; raises UserError where it is not installed, or not whole."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:  # None: some folder of that name
        raise UserError(f"{PACKAGE}: the starter network, which answers where no run is named, is not installed; "
                        f"install it ({REMEDY}), or name a run: vaer predict RUN FILE.")
    folder = Path(spec.origin).parent / RUN
    if not RunFolder(folder).best.is_whole():
        raise UserError(f"{folder}: lacks the weights of the starter network; install it again ({REMEDY}), or name a "
                        f"run: vaer predict RUN FILE.")
    return folder


def open_starter(device: str | None = None) -> Trained:
    """The starter network, as `open_network` opens that of a run; its answers name it, not where it is installed."""
    return open_network(find_starter(), device)._replace(name=NAME)
