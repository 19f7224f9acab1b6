"""Where a checkpoint's files lie: a run, a Hugging Face folder, or a name on its hub; and what its settings decide."""

import json
import re
from pathlib import Path
from typing import Any

from vaer.errors import UserError, first_line
from vaer.placeholders import describe_placeholder
from vaer.runs.folder import best_of

HUB = "https://huggingface.co"
SETTINGS = "config.json"
PREPROCESSOR_SETTINGS = "preprocessor_config.json"
INDEX = ".index.json"
FILE_ENDINGS = (".pth", ".pyth", ".pt", ".bin", ".safetensors", ".pkl")
DESCRIPTIVE = ("_name_or_path", "architectures", "id2label", "label2id", "transformers_version", "dtype", "torch_dtype",
               "auto_map", "attn_implementation", "_attn_implementation")
"""Entries of a config.json that do not say how the encoder is built, or whose code or kernels are not wanted."""


def is_hub_name(source: str) -> bool:
    """Whether `source` is spelled OWNER/NAME and there is no folder OWNER here, in which NAME is mistyped."""
    spelled = re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", source) is not None
    return spelled and not source.endswith(FILE_ENDINGS) and not Path(source).parent.exists()


def is_checkpoint_folder(path: Path) -> bool:
    """Whether `path` has a config.json that names the family of a network, as Hugging Face folders do."""
    return (path / SETTINGS).is_file() and isinstance(read_json(path / SETTINGS).get("model_type"), str)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises UserError where it is not whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions.") from error
    except ValueError as error:
        reason = describe_placeholder(path) or f"cannot be read as JSON ({error}); copy or download it again"
        raise UserError(f"{path}: {reason}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no settings but a {type(content).__name__}; copy or download it again.")
    return content


def settings_folder(source: str) -> Path | None:
    """The folder with a checkpoint's config.json, fetched where `source` is a hub name; None for anything else."""
    if is_hub_name(source):
        return fetch(source, [SETTINGS, PREPROCESSOR_SETTINGS])
    return Path(source) if is_checkpoint_folder(Path(source)) else None


def whole_folder(source: str) -> Path | None:
    """The same with its weights: `model.safetensors` where the hub has it, else `pytorch_model.bin`, or their parts."""
    folder = settings_folder(source)
    if not is_hub_name(source):
        return folder
    for kind in ("model*.safetensors", "pytorch_model*.bin"):
        folder = fetch(source, [SETTINGS, PREPROCESSOR_SETTINGS, kind, f"{kind}{INDEX}"])
        if any(folder.glob(kind)):
            break
    return folder


def fetch(name: str, patterns: list[str]) -> Path:
    """The folder with the files of hub repository `name` that match `patterns`, from the cache or the hub.

    Raises UserError with the address where the hub does not answer or does not have it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = first_line(error)
        raise UserError(f"{name}: is no file or folder here, and {HUB}/{name} could not be fetched ({reason}); check "
                        f"the name, or download {SETTINGS}, {PREPROCESSOR_SETTINGS} and model.safetensors or "
                        f"pytorch_model.bin from {HUB}/{name}/tree/main into a folder and give its path.") from error


def run_settings(source: str, kind: str) -> dict[str, Any] | None:
    """The same as `branch_settings` from an earlier run, named by its folder or that of `best`; None for others."""
    best = best_of(source)
    if best is None:
        return None
    earlier = best.settings["model"]["audio"]
    names = ("normalize", "architecture") if earlier["kind"] == kind else ()
    return {name: earlier[name] for name in names if earlier.get(name) is not None}


def branch_settings(source: str, kind: str) -> dict[str, Any]:
    """What the checkpoint decides of `model.audio` where the settings leave it open.

    That is `normalize`, and for kind transformers also `architecture`; nothing where the checkpoint does not say.
    """
    earlier = run_settings(source, kind)
    if earlier is not None:
        return earlier
    folder = settings_folder(source)
    if folder is None:
        return {}
    found = {}
    if (normalize := does_normalize(folder)) is not None:
        found["normalize"] = normalize
    if kind == "transformers":
        found["architecture"] = architecture_of(folder)
    return found


def does_normalize(folder: Path) -> bool | None:
    """Whether the checkpoint wants waveforms of mean 0 and variance 1; None where it does not say."""
    path = folder / PREPROCESSOR_SETTINGS
    return read_json(path).get("do_normalize") if path.is_file() else None


def architecture_of(folder: Path) -> dict[str, Any]:
    """The config.json of `folder` without what does not change the network."""
    return {name: value for name, value in read_json(folder / SETTINGS).items() if name not in DESCRIPTIVE}
