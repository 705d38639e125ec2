# Each target makes what it needs: .venv stands for an environment with everything installed.
PYTHON ?= python3
BIN := .venv/bin
TEST_OPTIONS := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all test-lowest audit lint format bench reliability clean

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade-strategy only-if-needed --editable '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/python examples/demo.py demo

test: .venv/installed
	$(BIN)/python -m pytest $(TEST_OPTIONS)

test-all: .venv/installed
	GMMAUG_ALL_TESTS=1 $(MAKE) test

# The lowest versions of dependencies that pyproject.toml allows; a fresh .venv has the newest ones.
.venv-lowest/installed: pyproject.toml .venv/installed
	$(PYTHON) -m venv .venv-lowest
	$(BIN)/python -m reliability.lowest > .venv-lowest/lowest.txt
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest/lowest.txt --editable '.[dev]'
	touch $@

test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest $(TEST_OPTIONS)

# Known vulnerabilities of the newest versions; asks advisory databases, so it needs a network.
audit: .venv/installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet 'pip-audit>=2.7,<3'
	.venv-audit/bin/pip-audit --strict --path $(wildcard .venv/lib/python3*/site-packages)

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff check --preview --select PLW1514  # text files name their encoding
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32

format: .venv/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/installed
	$(BIN)/python -m benchmarks

reliability: .venv/installed
	$(BIN)/python -m reliability

clean:
	rm -rf .venv .venv-lowest .venv-audit demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
