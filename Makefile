# All set-up happens here: Python >= 3.11, git and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test test-slow lint docs bench bench-growth bench-peers torture clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST)

.venv/made: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/made  ## set everything up, build a cache of fixtures/ and search it
	$(BIN)/mdcache rebuild fixtures --db .demo/cache.db
	$(BIN)/mdcache search --db .demo/cache.db --path 'handbook/*' cache -redis
	$(BIN)/mdcache search --db .demo/cache.db --path 'handbook/*' 零度
	$(BIN)/mdcache links --db .demo/cache.db handbook/guides/calibration

test: .venv/made  ## the tests that every change needs: minutes, on all processors
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not (slow or corpus or torture)' $(ARGS)

test-slow: .venv/made  ## the tests that take long, one at a time: storms, short rounds of torture, installing, benchmarks, real documents
	$(BIN)/python -m pytest -m '(slow or corpus) and not torture' $(ARGS)

lint: .venv/made  ## style, types, and which module may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/made  ## docs/schema.md from schema/*.sql, docs/problems.md and docs/dialects.md from pipeline/mdcache, figures from benchmarks/results/
	$(BIN)/python docs/schema.py
	$(BIN)/python docs/problems.py
	$(BIN)/python docs/dialects.py
	$(BIN)/python -m benchmarks.picture
	$(BIN)/python -m benchmarks.page

bench: .venv/made  ## how fast it is: DOCS=folder for other documents, WHAT=startup, search, swap, sync, watch or check for another measure
	$(BIN)/python -m benchmarks.$(or $(WHAT),rebuild) $(DOCS) $(ARGS)

bench-growth: .venv/made  ## how cost grows, from a thousand documents to a million: half an hour or more, 10 GB of disk
	$(BIN)/python -m benchmarks.growth --save growth $(ARGS)

bench-peers: .venv/made  ## what other tools cost on the same documents: installs them with pip and npm into .peers
	$(BIN)/python -m benchmarks.peers $(DOCS) $(ARGS)

torture: .venv/made  ## what is promised, held against all that could break it: ROUND=short for a little of everything
	$(BIN)/python -m torture --round $(or $(ROUND),full) $(ARGS)

clean:
	rm -rf .venv .demo .peers build *.egg-info
