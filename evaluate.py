"""`python evaluate.py runs/demo`: the same as `vaer evaluate`."""

import sys

from vaer.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
