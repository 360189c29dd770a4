# One command for each thing that a person or CI does. `make run` and `make test` need nothing but Python and, for the
# real servers of the tests, what `tests/lab` says when it is missing.

PYTHON ?= python3
VENV := .venv
# The lock files are complete, so nothing is resolved: pip, left to resolve a package with an extra, takes the newest
# release and then refuses it for not being the locked one.
LOCKED := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r
RUN_VENV := .venv-run
BIN := $(VENV)/bin
PARALLEL := -n 2 -q
# Each of the two processes has a lab of its own.
ON_THE_LAB := $(PARALLEL) --dist loadscope tests/integration tests/e2e
# Values and decisions have no excuse for a branch that no test takes.
FULLY_COVERED := reconciler.model reconciler.plan reconciler.queue webhooks.providers webhooks.signature

.PHONY: run test test-long bench soak check unit lint types contracts lab lab-down docs lock rbac clean

# What is imported is compiled when it is: compiling all of it takes half of the first run.
run: $(RUN_VENV)/installed
	$(RUN_VENV)/bin/reconciler demo

$(RUN_VENV)/installed: requirements.lock pyproject.toml hatch_build.py $(shell find reconciler webhooks -type f -not -name '*.pyc')
	@test -x $(RUN_VENV)/bin/python || $(PYTHON) -m venv $(RUN_VENV)
	$(RUN_VENV)/bin/python $(LOCKED) requirements.lock --no-compile
	$(RUN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	@touch $@

$(VENV)/installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(LOCKED) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Lint, types, contracts and unit tests, then everything against real programs and the real servers of the lab.
test: check
	$(BIN)/python -m pytest $(PARALLEL) tests/processes -m "not long"
	$(BIN)/python -m pytest -q tests/browser
	$(BIN)/python -m tests.lab up && $(BIN)/python -m pytest $(ON_THE_LAB) -m "not long"; status=$$?; $(BIN)/python -m tests.lab down; exit $$status

# The same with properties tried harder, and with what takes long.
test-long: export HYPOTHESIS_PROFILE = long
test-long: $(VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL) tests/unit tests/contract tests/processes
	$(BIN)/python -m pytest -q tests/browser
	$(BIN)/python -m tests.lab up && $(BIN)/python -m pytest $(ON_THE_LAB); status=$$?; $(BIN)/python -m tests.lab down; exit $$status

bench: $(VENV)/installed
	$(BIN)/python -m tests.lab up && $(BIN)/python -m tests.bench; status=$$?; $(BIN)/python -m tests.lab down; exit $$status

# A given SEED repeats what was done, and when. Outages and kills at random are its matter, so it has the lab to itself.
soak: SECONDS := 1800
soak: $(VENV)/installed
	$(BIN)/python -m tests.lab up git kubernetes netbox && $(BIN)/python -m tests.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)); status=$$?; $(BIN)/python -m tests.lab down; exit $$status

check: lint types contracts unit

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

contracts: $(VENV)/installed
	$(BIN)/lint-imports

# State files wait for the disk at each commit, so they are in memory, where there is such a place; those of tests that
# passed are removed at once, because it may be small.
unit: export PYTEST_DEBUG_TEMPROOT = $(shell test -w /dev/shm && echo /dev/shm)
unit: $(VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL) -o tmp_path_retention_policy=failed tests/unit tests/contract $(FULLY_COVERED:%=--cov=%) --cov-report=
	$(BIN)/coverage report --fail-under=100

lab: $(VENV)/installed
	$(BIN)/python -m tests.lab up
	$(BIN)/python -m tests.lab env

lab-down: $(VENV)/installed
	$(BIN)/python -m tests.lab down

# The references in docs/ that are made from the program itself.
docs: $(VENV)/installed
	$(BIN)/python -m tests.references

lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:dev pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:build -o requirements-build.lock

# The rights that a fabric's cluster has to grant, after a change of the table of kinds.
rbac: $(VENV)/installed
	for mode in apply observe; do $(BIN)/reconciler rbac --mode $$mode > deploy/kubernetes/rbac/$$mode/rbac.yaml; done

clean:
	rm -rf $(VENV) $(RUN_VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
