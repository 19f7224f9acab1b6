PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

# $(call try,NAME,RESOLUTION): the tests in an environment of their own, resolved without the lock
define try
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-$(1)
	$(UV) pip install --quiet --no-config --python .venv-$(1) --resolution $(2) -e '.[dev]' -e ./starter
	$(UV) pip list --python .venv-$(1)
	.venv-$(1)/bin/python -m pytest -n auto $(TESTS)
endef

.PHONY: help setup demo test test-slow walk test-newest test-oldest lint site smoke wheel lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: .venv/.installed  ## make .venv and install the locked versions, the project and the starter network into it

.venv/.installed: requirements.lock requirements-build.lock setup.cfg pyproject.toml starter/setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vaer wants Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-build.lock
	$(BIN)/python -m pip install --progress-bar on --require-hashes --no-build-isolation -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . -e ./starter
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

test: setup  ## every test but the slow ones
	$(BIN)/python -m pytest -n auto -m "not slow"

test-slow: setup  ## tests of over ten seconds, or that need much memory
	$(BIN)/python -m pytest -n auto -m slow

walk: setup  ## the commands of the demo's path, run as README and pages print them
	$(BIN)/python -m pytest tests/walk.py

test-newest: setup  ## every test in .venv-newest, on the newest versions that setup.cfg allows
	$(call try,newest,highest)

test-oldest: setup  ## every test in .venv-oldest, on the oldest versions that setup.cfg allows
	$(call try,oldest,lowest-direct)

lint: setup  ## style, and types of what others call
	$(BIN)/ruff check .
	$(BIN)/mypy

site: setup  ## the pages as a site, build/site/index.html; a broken link fails
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs build/site

smoke: setup  ## the quickest test that trains
	$(BIN)/python -m pytest tests/test_train.py

wheel: setup  ## the package with its recipes, dist/vaer-*.whl; its version names the commit
	$(BIN)/python -m build --no-isolation

lock: setup  ## renew the lock files: the newest versions within setup.cfg and pyproject.toml
	$(COMPILE) --upgrade --extra dev setup.cfg -o requirements.lock
	# Later ones of pip take the tag cp36 of decord's wheel, which runs on every Python, for a fault in `pip check`.
	printf 'pip<24.1\nsetuptools\n' | $(COMPILE) --upgrade -c requirements.lock - -o requirements-build.lock

clean:  ## remove the environments, the demo corpus and its run
	rm -rf .venv .venv-newest .venv-oldest data/demo data/moment runs/demo
