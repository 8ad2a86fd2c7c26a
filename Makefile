# Thin targets: each calls one command of the project, in a virtual environment that is made when needed.
#
#   make search ARGS="controller=random seed=3"
#   make test ARGS="tests/common -x"

PYTHON ?= python3
VENV ?= .venv
# What to give pip for torch, options included: any build of 2.13 to 2.15 will do.
# Installed first, so that a build that is there already is kept.
TORCH ?= torch==2.13.0
ARGS ?=

# What brings up docker-compose.yml.
SCRIPT := $(abspath $(wildcard ../shared/tools/containers.sh))
CONTAINERS ?= $(if $(SCRIPT),$(SCRIPT) compose,docker compose)
# Where that is the script, it installs itself: once, then it has nothing to do.
SETUP = $(if $(filter %/containers.sh,$(firstword $(CONTAINERS))),$(firstword $(CONTAINERS)) setup)

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help search test check format bench build pictures certs test-containers clean

help:
	@echo "make search | test | check | format | bench | build | pictures | clean     (ARGS=... is passed on)"
	@echo "make certs | test-containers     for docker-compose.yml, see conf/deployment/README.md"

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "flwr-nas needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

search: $(INSTALLED)
	$(BIN)/flwr-nas search $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)
	$(BIN)/python tests/benchmarks/tutorial.py $(ARGS)

build: $(INSTALLED)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

pictures: $(INSTALLED)
	$(BIN)/python tests/benchmarks/pictures.py $(ARGS)

certs: $(INSTALLED)
	$(BIN)/flwr-nas deployment init $(ARGS)

test-containers: $(INSTALLED)
	$(SETUP)
	CONTAINERS="$(CONTAINERS)" TORCH="$(TORCH)" $(BIN)/python -m pytest tests/containers -m containers $(ARGS)

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
