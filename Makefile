# The project's doors, one line each. Nothing needs a second command.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench fuzz torture lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(VENV)/.installed  ## the locked dependencies and the project into .venv

demo: install  ## the whole service with simulated cameras, in the foreground; ARGS="--cameras 8" passes arguments on
	@$(BIN)/onb demo $(ARGS)

test: $(VENV)/.tested  ## the whole test suite; ARGS="tests/wire -x" passes arguments on
	@sh tools/system_packages.sh test
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.tested  ## formatting, types, the floor plan, tests mirror the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/tests_mirror.py

bench: $(VENV)/.tested  ## speed and memory as ratios against a floor and a peer in the same run; writes docs/benchmarks.md
	@sh tools/system_packages.sh bench
	@$(BIN)/python -m bench $(ARGS)

fuzz: $(VENV)/.tested  ## the fuzz targets, a minute each
	@$(BIN)/python -m tests.fuzz $(ARGS)

torture: $(VENV)/.tested  ## the recorder is killed a thousand times, an hour and a half, and cameras; writes docs/torture.md
	@$(BIN)/python -m tests.torture --write $(ARGS)
	@$(BIN)/python -m tests.torture.neighbours

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra test pyproject.toml -o requirements/test.txt

clean:  ## removes the environment and everything generated
	rm -rf $(VENV) wsdl/official wsdl/prepared bench/build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.13 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The wheel of the project itself is built from the checkout (editable); wsdl/ generates the schemas while it is built.
$(VENV)/.installed: requirements/run.txt pyproject.toml $(wildcard wsdl/*.py wsdl/*.json) | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.tested: requirements/test.txt $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@
