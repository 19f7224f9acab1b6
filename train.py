"""`accelerate launch train.py --config configs/demo.yaml`: the same as `vaer train`."""

import sys

from vaer.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
