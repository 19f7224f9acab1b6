"""The recipes of the package by name: `--config demo` is configs/demo.yaml, in a clone and in a wheel."""

from pathlib import Path

FOLDER = Path(__file__).parent / "configs"


def recipe_names() -> list[str]:
    """The names that `--config` takes for one of the recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_recipe(name: str) -> str:
    """The path of the recipe called `name`; the same text where there is such a file, or no such recipe."""
    return name if Path(name).exists() or name not in recipe_names() else str(FOLDER / f"{name}.yaml")


def find_recipes(arguments: list[str]) -> list[str]:
    """Arguments of a command with the path of each recipe that `--config` names."""
    found = list(arguments)
    for place, argument in enumerate(arguments):
        if argument.startswith("--config="):
            found[place] = f"--config={find_recipe(argument.removeprefix('--config='))}"
        elif place and arguments[place - 1] == "--config":
            found[place] = find_recipe(argument)
    return found
