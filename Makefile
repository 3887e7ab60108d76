# Commands without arguments: make run, make test, make check, make e2e, make bench.
# PIP_ARGS reaches pip, for example: make install PIP_ARGS="--index-url ..."

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests side by side; each process loads the embedding model.
JOBS ?= 3

.PHONY: run install test e2e coverage check bench clean

run: install
	$(BIN)/python -m bot serve

install: $(STAMP)

$(STAMP): manifests/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Threadline needs Python 3.11 or newer; name one: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r manifests/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --ignore tests/e2e

# Microsoft's client of Teams in a browser; THREADLINE_SCREENSHOTS=FOLDER keeps pictures.
e2e: install
	cd tests/browser && npm ci --silent --no-audit --no-fund --ignore-scripts
	$(BIN)/python -m pytest tests/e2e

coverage: install
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
