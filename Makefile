# `make demo` and `make test` do all their set-up in .venv; nothing else need be installed but Python, git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Of all that pip says, a line for each package, what is wrong, and the end; its status is that of the whole.
PIP := set -o pipefail; $(BIN)/pip install --disable-pip-version-check --no-color --progress-bar off --constraint constraints.txt --editable
LINES := | { grep -E --line-buffered '^(Collecting|Installing|ERROR|error|WARNING)' | cut -c1-100 || true; }
SHELL := bash
# What tests start by the hundred compiles this project's modules once.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install facility demo test lint unit docs studies samples soak bench clean

help:  ## What there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lineshape needs Python 3.11 or later")'
	@echo "environment in $(VENV): 1 of 2, Python"
	@$(PYTHON) -m venv $(VENV)
	@echo "environment in $(VENV): 2 of 2, packages, in some minutes; a line for each"
	@$(PIP) '.[test,batch,export,remote,search,pythia]' $(LINES)
	@touch $(STAMP)

install: $(STAMP)  ## Make the environment in .venv

facility: $(STAMP)  ## What the tests of JupyterHub, the tutorial, Dask Gateway and deploy/ need; elsewhere they skip
	@$(PIP) '.[facility,deploy]' $(LINES)
	npm install --silent --no-audit --no-fund --prefix $(VENV) configurable-http-proxy@5.3.0 playwright-core@1.65.1

demo: $(STAMP)  ## The main job: simulate taus and calibrate them, in under five minutes on two cores
	$(BIN)/lineshape run tau_energy_scale

lint: $(STAMP)  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(STAMP)  ## Tests without processes of their own: some minutes, two files at a time
	$(BIN)/python -m pytest -m 'not processes and not browser and not drill' --numprocesses 2 --dist loadfile

test: lint  ## Tests, style and types; two files at a time, as many wait for processes more than they compute
	$(BIN)/python -m pytest -m 'not drill' --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=25

docs: $(STAMP)  ## The site, in docs/_build/html, with warnings as errors; the tutorial is executed once
	@$(PIP) '.[docs]' $(LINES)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs docs/_build/html

# As in make studies STUDY=tau_muons; the studies that make claims by default.
STUDY ?= $(patsubst jobs/studies/%.yaml,%,$(shell grep -l '^claims:' jobs/studies/*.yaml))
studies: $(STAMP)  ## The studies at full size: whether their claims hold, and their tables in docs/; hours, or STUDY=name
	@failed=; for study in $(STUDY); do \
	  $(BIN)/lineshape run $$study && $(BIN)/python docs/study_tables.py $$study && \
	    $(BIN)/lineshape check $$study || failed="$$failed $$study"; \
	done; test -z "$$failed" || { echo "not as claimed:$$failed"; exit 1; }

# Of the source distribution, which pip looks into by its build system.
samples: $(STAMP)  ## Files of formats that coffea's own tests read, 30 MB; where they are not, a drill skips
	@$(BIN)/pip install --disable-pip-version-check --quiet hatchling hatch-vcs
	rm -rf $(VENV)/coffea
	$(BIN)/pip download --disable-pip-version-check --quiet --no-deps --no-build-isolation --no-binary coffea \
	  --constraint constraints.txt --dest $(VENV)/coffea coffea
	tar -xzf $(VENV)/coffea/*.tar.gz -C $(VENV)/coffea --wildcards '*/tests/samples/*.root'

soak: $(STAMP)  ## Random inputs, ten times as many and new ones at every run, and drills of many minutes
	LINESHAPE_SOAK=1 $(BIN)/python -m pytest -m 'soak or drill'

bench: $(STAMP)  ## Measurements, some minutes each; the README says what they found
	$(BIN)/python -m tests.benchmarks.simulation
	$(BIN)/python -m tests.benchmarks.processing
	$(BIN)/python -m tests.benchmarks.applying
	$(BIN)/python -m tests.benchmarks.small
	$(BIN)/python -m tests.benchmarks.engine
	$(BIN)/python -m tests.benchmarks.training
	$(BIN)/python -m tests.benchmarks.resume
	$(BIN)/lineshape run tau_energy_scale
	$(BIN)/python -m tests.benchmarks.scale

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info build
