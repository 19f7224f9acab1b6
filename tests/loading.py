"""Python files that lie in no package, as modules."""

import importlib.util


def load_module(path):
    """The module of a script or of a test."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
