"""Everything stands in setup.cfg but the version, which carries the commit that is built."""

import re
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from vaer.version import BASE, version  # noqa: E402

built = HERE / "PKG-INFO"  # of a source distribution, which is no clone
setup(version=re.search(r"^Version: (.*)$", built.read_text(encoding="utf-8"), re.MULTILINE)[1] if built.exists()
      else version() if (HERE / ".git").exists() else BASE)
