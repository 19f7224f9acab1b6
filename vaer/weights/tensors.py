"""The tensors of a Hugging Face folder under the names that torch gives them today."""

from pathlib import Path

from torch import Tensor

from vaer.errors import UserError
from vaer.weights.folders import INDEX, read_json
from vaer.weights.pickles import read_file
from vaer.weights.unwrap import outermost, plain

STEMS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which they are preferred, whole or in parts that an index names."""
WEIGHT_NORM = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}


def weight_file(folder: Path) -> Path:
    """The file that holds the folder's tensors, or the index of its parts; raises UserError where there is neither."""
    for stem in STEMS:
        for name in (stem, f"{stem}{INDEX}"):
            if (folder / name).is_file():
                return folder / name
    raise UserError(f"{folder}: has neither {' nor '.join(STEMS)}; download one of them into the folder.")


def parts_of(index: Path) -> list[Path]:
    """The files that an index of parts names, beside it; raises UserError where it names none, or one is missing."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise UserError(f"{index}: names no parts; copy or download it again.")
    parts = sorted({index.parent / Path(name).name for name in places.values()})
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise UserError(f"{index}: names {', '.join(missing)}, which is missing; download it into the folder.")
    return parts


def read_parts(index: Path) -> dict[str, Tensor]:
    """The tensors of all parts that an index names; raises UserError where one that it names is in none."""
    content: dict[str, Tensor] = {}
    for part in parts_of(index):
        content |= _tensors_in(part)
    lacking = [name for name in plain(read_json(index)["weight_map"]) if name not in content]
    if lacking:
        raise UserError(f"{index}: names {lacking[0]}{' and others' if lacking[1:] else ''}, which no part holds; "
                        f"download all parts and the index from one place.")
    return content


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the folder, float32 where it is a float; weight norm by torch's newer names.

    Old files say `weight_g` and `weight_v` for `parametrizations.weight.original0` and `original1`.
    """
    path = weight_file(folder)
    return modern(read_parts(path) if path.name.endswith(INDEX) else _tensors_in(path))


def _tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of one file, out of the wrappings that trainers put around them."""
    content = outermost(read_file(path))
    if not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: holds something else beside tensors or instead; download it again, or save the "
                        f"tensors alone (`torch.save(model.state_dict(), FILE)`).")
    return content


def modern(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in float32 where they are floats, with weight norm spelled as torch does today."""
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in WEIGHT_NORM.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        renamed[name] = tensor.float() if tensor.is_floating_point() else tensor
    return renamed
