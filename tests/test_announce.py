"""The first line stands on the screen before torch is loaded, once, whatever was launched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaer.announce import print_first, scoring_plan, training_plan
from vaer.config import AudioConfig, Config, DataConfig, ModelConfig

WATCH = """
import builtins, sys
from vaer.cli import main

def told(text, **options):
    heavy = sorted({"torch", "sklearn", "scipy", "torchvision", "accelerate"} & set(sys.modules))
    sys.stderr.write(f"{text} | {heavy}\\n")
    sys.exit(9)

builtins.print = told
main(sys.argv[1:])
"""


def test_plans_by_hand():
    config = Config(output="runs/a b", seed=3, model=ModelConfig(audio=AudioConfig(enabled=False)),
                    data=DataConfig(corpus="demo", root="data/d", protocol="demo24", fold="all"))
    assert training_plan(config) == ("runs/a b: train on video of demo in data/d, protocol demo24 fold all, seed 3; "
                                     "loading")
    assert scoring_plan([Path("a"), Path("b")], "both") == "a, b: score; loading"
    assert scoring_plan([Path("a")], "audio") == "a: score on audio alone; loading"


@pytest.mark.parametrize(("rank", "said"), [(None, "here\n"), ("0", "here\n"), ("1", "")])
def test_one_of_several_processes_says_it(monkeypatch, capsys, rank, said):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    print_first("here")
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("command", [["train", "--output", "é x"], ["evaluate", "é x"]])
def test_it_costs_no_heavy_library(command):
    done = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 9, done.stderr
    assert done.stderr.startswith("é x: ")
    assert done.stderr.endswith("; loading | []\n")


def test_training_starts_without_what_it_may_never_need():
    """Each costs a tenth of a second to a second, and torchvision loads torch's compiler."""
    code = ("import sys, vaer.training.folds; "
            "print(sorted({'sklearn', 'torchvision', 'torch._dynamo', 'matplotlib', 'timm', 'transformers', "
            "'scipy.optimize'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
