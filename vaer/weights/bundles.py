"""The pretrained speech encoders that torchaudio publishes, by name."""

import pickle
from typing import Any

import torch

from vaer.config import AudioConfig
from vaer.errors import UserError, first_line
from vaer.models.audio.encoders import BUNDLES, Bundle
from vaer.weights.fit import FIXED, fitting_presets, require_fit
from vaer.weights.records import Weights, flags
from vaer.weights.tensors import modern

HEAD = "aux."


def describe_bundle(name: str) -> list[str]:
    """What bundle `name` is and which settings fit it, in lines; fetches nothing."""
    bundle = BUNDLES[name]
    presets = fitting_presets(facts_of_bundle(bundle), _family(name))  # several may be one network
    settings = {"model.audio.preset": name.lower() if name.lower() in presets else presets[0],
                "model.audio.normalize": bundle.normalize}
    return [f"{name}: torchaudio bundle of {size_of(bundle)}, downloaded when a run names it",
            f"  fits: --model.audio.pretrained {name} {flags(settings)}"]


def read_bundle(name: str, config: AudioConfig) -> Weights:
    """The weights of bundle `name`, fetched into torch's cache where they are not there yet.

    Raises UserError where the branch of `config` is built otherwise, or where the file cannot be had.
    """
    bundle = BUNDLES[name]
    require_fit(facts_of_bundle(bundle), config, _family(name), name)
    tensors = _fetch(name, bundle)
    left = {tensor: "task head" for tensor in tensors if tensor.startswith(HEAD)}
    inputs = "waveforms of mean 0 and variance 1" if bundle.normalize else "waveforms as they are"
    about = f"torchaudio bundle {name}, for {inputs}"
    return Weights({tensor: values for tensor, values in tensors.items() if tensor not in left}, left, about,
                   {"model.audio.preset": config.preset, "model.audio.normalize": bundle.normalize})


def _family(name: str) -> str:
    return name.split("_")[0].lower()


def facts_of_bundle(bundle: Bundle) -> dict[str, Any]:
    """How its network is built, as `vaer.weights.fit` names it."""
    built = {name: value for name, value in bundle.sizes.items() if "drop" not in name and name != "aux_num_out"}
    return FIXED | built


def _fetch(name: str, bundle: Bundle) -> dict[str, Any]:
    try:
        return modern(bundle.fetch())
    except OSError as error:
        raise UserError(f"{name}: {bundle.address} ({size_of(bundle)}) could not be fetched ({error}); go online, or "
                        f"put the file into the folder hub/checkpoints under TORCH_HOME (~/.cache/torch).") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(f"{name}: the file in torch's cache is not whole ({first_line(error)}); remove "
                        f"{bundle.path} from the folder hub/checkpoints under TORCH_HOME (~/.cache/torch), and it is "
                        f"fetched again.") from error


def size_of(bundle: Bundle) -> str:
    """About how large its file is, from the network: four bytes a weight."""
    with torch.device("meta"):
        network = bundle.build()
    return f"about {sum(4 * tensor.numel() for tensor in network.state_dict().values()) / 1e6:.0f} MB"
