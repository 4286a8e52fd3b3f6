# The words that people and CI use. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SOURCES := lmkit tests benchmarks docs

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run test test-slow test-all check lint format-check types imports format docs bench

help: ## list these words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: $(READY) ## everything into .venv (PYTHON=... chooses the Python)

# torch first: with its exact version pip takes the small CPU build where there is one
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

run: setup ## the main job: a small GPT-2 on the source of Python, its scores, and a sample (ARGS="--set KEY=VALUE" changes it)
	$(BIN)/lmkit pretrain gpt2-stdlib --resume $(ARGS)
	$(BIN)/lmkit eval runs/gpt2-stdlib
	$(BIN)/lmkit generate runs/gpt2-stdlib 'def ' --max-new-tokens 200 --seed 0

test: setup ## the quick tests
	$(BIN)/pytest -m 'not slow and not gpu' -n 2

test-slow: setup ## the tests that take longer: real runs, the wheel, `make run`, many random cases
	$(BIN)/pytest -m "slow and not gpu" -n 2 --dist loadfile --durations 25
	$(BIN)/pytest -m "hypothesis and not slow and not gpu" -n 2 --hypothesis-profile thorough

test-all: test test-slow ## every test that needs no GPU

check: lint format-check types imports ## lint, format-check, types and imports

lint: setup ## ruff's rules
	$(BIN)/ruff check $(SOURCES)

format-check: setup ## whether ruff would change the layout
	$(BIN)/ruff format --check $(SOURCES)

types: setup ## mypy --strict
	$(BIN)/mypy

imports: setup ## the layers: who may import whom
	$(BIN)/lint-imports

format: setup ## lay out and mend what ruff can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: setup ## docs/cli.md from the commands' own --help, job files, the README's tree from the files
	$(BIN)/python docs/write_cli.py
	$(BIN)/python docs/write_clusters.py
	$(BIN)/python docs/write_tree.py

bench: setup ## the figures of benchmarks/README.md
	set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file; done
