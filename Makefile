# Everything a developer, an operator trying Puente out, or CI does. `make` alone lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
# Every download is checked against the lock. No build isolation: it would fetch build tools that no lock names.
# No byte-compiling: Python does it on first use, for the few modules that are used.
LOCKED := $(PIP) --no-compile --no-build-isolation --use-pep517 --require-hashes
COMPILE := PYTHONPATH=.venv/uv $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header
CATALOGUES := $(patsubst %.po,%.mo,$(shell find cert feeds playbooks -name '*.po'))

.PHONY: help demo test lint format bench translations lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/run.stamp $(CATALOGUES) ## two nations here, seeded and talking; FRESH=1 anew, ENGINE=elastic in earnest
	@$(if $(ENGINE),$(BIN)/python -m tests.servers.demo,$(BIN)/puente demo) $(if $(FRESH),--fresh)

test: .venv/dev.stamp $(CATALOGUES) ## the tests; T=tests/cert narrows, T="-k recall" too
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(T)

lint: .venv/dev.stamp ## ruff, strict mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/dev.stamp ## rewrite the code in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/dev.stamp $(CATALOGUES) ## measurements, no tests; ARGS="--help" shows what can be chosen
	@$(BIN)/python -m tests.bench $(ARGS)

translations: .venv/run.stamp ## collect the sentences from code and pages into the catalogues
	@$(BIN)/python -m tests.catalogues

lock: $(BIN)/python ## choose the versions of all dependencies anew; look at the diff
	@$(PIP) --target .venv/uv --upgrade uv
	@$(COMPILE) --upgrade pyproject.toml --extra postgres --group dev --output-file requirements/dev.txt
	@$(COMPILE) --constraint requirements/dev.txt pyproject.toml --extra postgres --output-file requirements/run.txt
	@$(COMPILE) --constraint requirements/dev.txt --group build --output-file requirements/build.txt

clean: ## remove the virtual environment, compiled catalogues, caches and the demo's nodes
	@rm -rf .venv .demo .demo-elastic .demo-servers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(CATALOGUES)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		"$$python" -m venv .venv && exit 0; \
		rm -rf .venv; echo "$$python cannot make a virtual environment: install its venv package (Debian: apt install python3-venv)." >&2; exit 1; \
	done; \
	echo 'Puente needs Python 3.11 or newer. Install it, or say where it is: make PYTHON=/path/to/python3 …' >&2; exit 1

.venv/run.stamp: pyproject.toml requirements/build.txt requirements/run.txt | $(BIN)/python
	@echo 'Setting up .venv, once; it takes about 20 seconds …'
	@$(LOCKED) -r requirements/build.txt
	@$(LOCKED) -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

%.mo: %.po | .venv/run.stamp
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
