# `make demo` and `make test` need Python 3.11 or newer and nothing else; both work in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FCT_VENV := .venv-flowcytometrytools
RESULTS := demo_results

.PHONY: demo test test-flowcytometrytools lint docs clean

demo: $(VENV)/.installed
	$(BIN)/immunerecon run sample_data --out $(RESULTS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadgroup

# FlowCytometryTools needs older NumPy, pandas and Matplotlib than everything else.
test-flowcytometrytools: $(FCT_VENV)/.installed
	$(FCT_VENV)/bin/python -m pytest tests/interop/test_flowcytometrytools.py tests/interop/test_pages.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "immunerecon needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python cannot make an environment. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(FCT_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(FCT_VENV)
	$(FCT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[flowcytometrytools,test]'
	touch $@

clean:
	rm -rf $(VENV) $(FCT_VENV) $(RESULTS)
