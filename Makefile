# Thin targets: each is one or two commands that one could type.
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin

.PHONY: search test check bench build clean

search: .venv/installed
	$(BIN)/flwr-nas search $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest $(ARGS)

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python tests/benchmarks/tutorial.py

build: .venv/installed
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# torch first and by its exact version: elsewhere a range may bring a build with gigabytes of GPU libraries
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
