# make run    set up, then do the main job on a real table, with Prefect's embedded server
# make test   set up, then run every test
# make check  set up, then ruff, mypy, import-linter and codespell
# Another torch (CUDA, say): make run CONSTRAINTS=my-constraints.txt

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin

export DO_NOT_TRACK := 1

.PHONY: run test check clean

run: $(VENV)/.installed
	$(BIN)/python -m flows.pipeline data/breast_cancer/spec.yaml workspace=anomaly_ae_runs

test: $(VENV)/.installed
	$(BIN)/python -m pytest

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

clean:
	rm -rf $(VENV) .prefect .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# pip 25.1 is the first that knows dependency groups.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable . --group test --group check
	touch $@
