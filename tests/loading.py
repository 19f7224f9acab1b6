"""Python files that lie in no package, as modules."""

import importlib.util
import sys


def load_module(path):
    """The module of a script or of a test, which finds its neighbours as `python PATH` does."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
