"""The tensors of a Hugging Face folder under the names that torch gives them today."""

from pathlib import Path

from torch import Tensor

from vaer.errors import UserError
from vaer.weights.folders import INDEX, read_json
from vaer.weights.pickles import read_file

STEMS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which they are preferred, whole or in parts that an index names."""
WEIGHT_NORM = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the folder's tensors; raises UserError where there are none or one is missing."""
    for stem in STEMS:
        index = folder / f"{stem}{INDEX}"
        if (folder / stem).is_file():
            return [folder / stem]
        if index.is_file():
            parts = sorted({folder / Path(name).name for name in read_json(index).get("weight_map", {}).values()})
            missing = [part.name for part in parts if not part.is_file()]
            if missing:
                raise UserError(f"{index}: names {', '.join(missing)}, which is missing; download it into the folder.")
            return parts
    raise UserError(f"{folder}: has neither {' nor '.join(STEMS)}; download one of them into the folder.")


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the folder, float32 where it is a float; weight norm by torch's newer names.

    Old files say `weight_g` and `weight_v` for `parametrizations.weight.original0` and `original1`.
    """
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        content = read_file(path)
        if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
            raise UserError(f"{path}: holds something else beside tensors or instead; download it again, or save it "
                            f"anew.")
        tensors |= content
    return modern(tensors)


def modern(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in float32 where they are floats, with weight norm spelled as torch does today."""
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in WEIGHT_NORM.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        renamed[name] = tensor.float() if tensor.is_floating_point() else tensor
    return renamed
