# `make demo` to see it, `make test` to prove it. Everything lives in .venv, js/node_modules and
# .venv-conformance; `make clean` takes it all away.

SHELL := /bin/sh
.SUFFIXES:
.DEFAULT_GOAL := help
# Fastest first, and one line of progress at a time; Chromium uses the second core anyway.
.NOTPARALLEL:

VENV := .venv
PY := $(VENV)/bin/python
CONFORMANCE := .venv-conformance
CONFORMANCE_CLIENT := decart[realtime]==0.0.40
# Node comes from the system or from .venv, where `make setup` puts it when the system has none.
npm := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm --prefix js run --silent
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A key in the environment must never reach a test: nothing here is billed.
keyless := env -u DECART_API_KEY

step = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.PHONY: help setup demo demo-check test lint types js pure loopback kernel notebooks browser \
        conformance packaging bench clean browser-install

help:
	@echo "make demo         JupyterLab on the quick start, everything installed on the way"
	@echo "make demo-check   the same without a person: headless Chromium, a fake camera, pixels checked"
	@echo "make test         every layer of tests, fastest first"
	@echo "make bench        every benchmark, as a table"
	@echo "make setup | lint | conformance | clean"

# --- ready to run -----------------------------------------------------------------------------

# Each of its steps leaves a stamp, so a second run only looks at the stamps.
setup:
	@tools/setup.sh

demo: setup
	@$(PY) -m tools.demo

demo-check: browser-install
	@$(keyless) $(PY) -m tools.demo_check

browser-install: setup
	@$(PY) -m tools.browser --install

# --- tests, fastest first ---------------------------------------------------------------------

test: browser-install $(CONFORMANCE)/.ready lint js pure loopback kernel notebooks browser \
      conformance packaging
	$(call step,every layer passes)

lint: setup
	$(call step,lint and types)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

js: setup
	$(call step,front end: types; lint; unit tests)
	@$(npm) check
	@$(npm) test
	@$(npm) size

pure loopback kernel notebooks: setup
	$(call step,tests/$@)
	@$(keyless) $(PY) -m pytest -q tests/$@

browser: browser-install
	$(call step,tests/$@)
	@$(keyless) $(PY) -m pytest -q tests/$@

packaging: setup
	$(call step,tests/$@: sdist and wheel; built and installed)
	@$(keyless) $(PY) -m pytest -q tests/$@

# The client by others wants its own versions of shared dependencies, hence its own environment.
conformance: setup $(CONFORMANCE)/.ready
	$(call step,tests/$@: $(CONFORMANCE_CLIENT))
	@$(keyless) DECART_WIDGET_CONFORMANCE_PYTHON=$(CURDIR)/$(CONFORMANCE)/bin/python \
		$(PY) -m pytest -q tests/$@

$(CONFORMANCE)/.ready: Makefile | setup
	$(call step,environment for $(CONFORMANCE_CLIENT))
	@$(PY) -m venv $(CONFORMANCE)
	@$(CONFORMANCE)/bin/python -m pip install --quiet '$(CONFORMANCE_CLIENT)'
	@touch $@

bench: browser-install
	@$(keyless) $(PY) -m benchmarks all

clean:
	rm -rf $(VENV) $(CONFORMANCE) js/node_modules decart_widget/static dist build demo-check.png \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
