# deepseek-report. The two that a newcomer needs: make report, make test.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

#: What development and CI install, by hash; torch is left out of it. LOCK= takes what the bounds allow instead.
LOCK   ?= requirements.lock

.PHONY: help setup report test fuzz kills apart check settings docs wheel release lock bench clean

help: ## what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.run ## create .venv and install the package

report: $(VENV)/.run ## run the default experiment and print the report's path
	@$(BIN)/deepseek-report $(ARGS)

test: $(VENV)/.test ## set up and pass the tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

MINUTES ?= 30
fuzz: $(VENV)/.test ## damage run folders for MINUTES (30), every command on each, with 3 GB of memory
	DEEPSEEK_REPORT_FUZZ=long DEEPSEEK_REPORT_FUZZ_MINUTES=$(MINUTES) $(BIN)/python -m pytest -n 2 \
		tests/safety/test_fuzz.py tests/safety/test_memory_limit.py $(ARGS)

kills: $(VENV)/.test ## the long form of the tests that kill runs, an hour or more
	DEEPSEEK_REPORT_FUZZ=long $(BIN)/python -m pytest -n 2 tests/safety/test_kill.py \
		tests/safety/test_kill_sweep.py $(ARGS)

apart: $(VENV)/.test ## the tests of the core in copies that lack one extension each, an hour or more
	DEEPSEEK_REPORT_APART=whole $(BIN)/python -m pytest tests/test_extensions.py -n0 $(ARGS)

check: $(VENV)/.dev ## lint, types, import direction, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs deepseek_report templates conf tests benchmarks

settings: $(VENV)/.run ## write docs/settings from the code
	$(BIN)/python docs/reference_pages.py docs/settings

docs: $(VENV)/.docs ## build the documentation into build/docs; a warning is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d build/doctrees docs build/docs
	@echo build/docs/index.html

wheel: $(VENV)/.dev ## build the wheel into dist/, with its bill of materials (CycloneDX) beside it
	$(BIN)/python -m build --wheel --outdir dist .
	$(BIN)/python .ci/sbom.py dist/*.whl

release: ## build wheel and sdist into dist/, check them, install them elsewhere, write hashes, bill of materials and notes
	.ci/release

lock: ## write requirements.lock anew; needs uv. torch has builds for each machine, so it keeps its range
	mkdir -p build
	echo 'torch; python_version < "3"' >build/without.txt
	echo 'numba>=0.60' >build/floors.txt
	uv pip compile pyproject.toml --extra test --extra dev --extra docs --universal --python-version 3.11 \
	--generate-hashes --override build/without.txt --constraint build/floors.txt \
	--no-emit-index-url --no-header --no-annotate --quiet --upgrade --output-file build/requirements.lock
	{ echo '# Written by make lock: what development and CI install, by hash. torch, and what it alone needs, is not in it.'; \
	cat build/requirements.lock; } >requirements.lock

bench: $(VENV)/.run ## overhead over calling shap and lime by hand, side by side
	$(BIN)/python benchmarks/overhead.py

clean: ## remove what was built; reports stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.locked: requirements.lock | $(BIN)/python
	$(if $(LOCK),$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement $(LOCK))
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.locked | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: pyproject.toml $(VENV)/.locked | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	@touch $@ $(VENV)/.test $(VENV)/.run

$(VENV)/.docs: pyproject.toml $(VENV)/.locked | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.run
