# All set-up happens here: Python >= 3.11, git and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench torture clean

.venv/made: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: .venv/made  ## rebuild the fixtures and search them
	$(BIN)/mdcache rebuild fixtures --db .demo/cache.db
	$(BIN)/mdcache search --db .demo/cache.db 'publish protocol'

test: .venv/made  ## all tests but the long ones
	$(BIN)/python -m pytest

lint: .venv/made  ## style, types, and which module may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/made  ## make bench DOCS=folder; WHAT=startup, search, swap or growth measures something else than a rebuild
	$(BIN)/python -m benchmarks.$(or $(WHAT),rebuild) $(DOCS) $(ARGS)

torture: .venv/made  ## kills at every system call, for as long as it takes
	$(BIN)/python -m pytest -m torture --timeout 0

clean:
	rm -rf .venv .demo build *.egg-info
