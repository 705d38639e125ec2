# Each target makes what it needs: .venv stands for an environment with everything installed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint format bench clean

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade-strategy only-if-needed --editable '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/python examples/demo.py demo

test: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-all: .venv/installed
	GMMAUG_ALL_TESTS=1 $(MAKE) test

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
