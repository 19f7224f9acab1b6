PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test lint smoke clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.installed  ## make .venv and install the project with its test tools into it

.venv/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vaer wants Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on -e '.[dev]'
	@touch $@

demo: setup  ## render the demo corpus, train the whole network on it, score it on unseen speakers
	$(BIN)/vaer demo data/demo
	$(BIN)/accelerate launch --quiet --config_file configs/accelerate/cpu.yaml --num_cpu_threads_per_process $$(nproc) \
		train.py --config configs/demo.yaml --train.resume true
	$(BIN)/python evaluate.py runs/demo
	@echo
	@echo "runs/demo/confusion.png    what was taken for what, on speakers never seen in training"
	@echo "runs/demo/metrics.json     the scores;  predictions.csv: every clip"
	@echo "data/demo/Actor_01         the faces: open one"
	@echo "$(BIN)/tensorboard --logdir runs    the curves"

test: setup  ## every test
	$(BIN)/python -m pytest -n auto

lint: setup  ## style
	$(BIN)/ruff check .

smoke: setup  ## the quickest test that trains
	$(BIN)/python -m pytest tests/test_train.py

clean:  ## remove the environment, the demo corpus and its run
	rm -rf .venv data/demo data/moment runs/demo
