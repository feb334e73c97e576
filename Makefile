# `make demo` to see it, `make test` to prove it. Everything lives in .venv, .venv-conformance and
# folders named node_modules; `make clean` takes it all away.

SHELL := /bin/sh
.SUFFIXES:
.DEFAULT_GOAL := help
# Fastest first, and one line of progress at a time; Chromium uses the second core anyway.
.NOTPARALLEL:

VENV := .venv
PY := $(VENV)/bin/python
# Clients by others, for tests and benchmarks: an environment for each of Python's, one page for
# those of browsers.
CONFORMANCE := .venv-conformance
# The kernel before subshells: the same packages, but for that one.
KERNEL6 := .venv-ipykernel6
# Each dependency at its lowest allowed version, and the packages that tests/pure and tests/loopback
# need besides.
OLDEST := .venv-oldest
OLDEST_TOOLS := hypothesis pillow psutil pytest pytest-asyncio pytest-timeout
CLIENTS := $(CONFORMANCE)/decart-0.0.40/.ready $(CONFORMANCE)/decart-0.2.4/.ready
PAGE := tests/conformance/page
PAGE_READY := $(PAGE)/dist/.ready
# Node comes from the system or from .venv, where `make setup` puts it when the system has none.
path := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
npm := $(path) npm --prefix js run --silent
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A key in the environment must never reach a test: nothing here is billed.
keyless := env -u DECART_API_KEY

step = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.PHONY: help setup hooks demo demo-check test lint js pure loopback kernel notebooks browser \
        conformance clients packaging oldest faults bench clean browser-install screenshots

help:
	@echo "make demo         JupyterLab on the quick start, everything installed on the way"
	@echo "make demo-check   the same without a person: headless Chromium, a fake camera, pixels checked"
	@echo "make test         every layer of tests, fastest first"
	@echo "make faults       what breaks under a running session, and how it is survived; 15 minutes"
	@echo "make bench        every benchmark, as a table"
	@echo "make screenshots  the widget in its states, into docs/images"
	@echo "make oldest       tests with the lowest allowed version of each dependency"
	@echo "make hooks        pre-commit hooks that run the checks of lint"
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

# Its camera shows a photograph from a package that ships one.
screenshots: browser-install
	@$(PY) -m pip install --quiet scikit-image
	@$(PY) -m tools.screenshot

# --- tests, fastest first ---------------------------------------------------------------------

test: browser-install clients lint js pure loopback kernel notebooks browser \
      conformance packaging
	$(call step,every layer passes)

lint: setup
	$(call step,lint; types; imports; changelog)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/towncrier build --draft >/dev/null

# Runs the checks of `lint` and `js` before each commit.
hooks: setup
	@$(VENV)/bin/pre-commit install

js: setup
	$(call step,front end: types; lint; unit tests)
	@$(npm) check
	@$(npm) test
	@$(npm) size

pure loopback notebooks: setup
	$(call step,tests/$@)
	@$(keyless) $(PY) -m pytest -q tests/$@

# The lowest allowed versions work. What tests/pure says of the source's layout is no matter of theirs.
oldest: $(OLDEST)/.ready
	$(call step,tests/pure and tests/loopback with the oldest dependencies)
	@$(keyless) $(OLDEST)/bin/python -m pytest -q tests/pure tests/loopback \
		--ignore tests/pure/test_structure.py

# Without hypothesis' plugin, which these layers don't need: it compiles modules at the very end, and
# CPython 3.11 then trips over the recursion depth that Playwright's greenlets, or the client of rooms,
# leave behind.
kernel: setup $(KERNEL6)/.ready
	$(call step,tests/$@)
	@$(keyless) $(PY) -m pytest -q -p no:hypothesispytest tests/$@

browser: browser-install
	$(call step,tests/$@)
	@$(keyless) $(PY) -m pytest -q -p no:hypothesispytest tests/$@

# One test for each row of docs/reliability.md; not a part of `make test`, for the time it takes.
faults: browser-install
	$(call step,tests/$@: what breaks under a running session)
	@$(keyless) $(PY) -m pytest -q -p no:hypothesispytest tests/$@

packaging: setup
	$(call step,tests/$@: sdist and wheel; built and installed)
	@$(keyless) $(PY) -m pytest -q tests/$@

# Clients by others want their own versions of shared dependencies, hence their own environments.
conformance: browser-install clients
	$(call step,tests/$@: clients by others)
	@$(keyless) $(PY) -m pytest -q -p no:hypothesispytest tests/$@

clients: $(CLIENTS) $(PAGE_READY)

$(CONFORMANCE)/%/.ready: tests/conformance/%.txt | setup
	$(call step,environment for $*)
	@$(PY) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --requirement $<
	@touch $@

$(KERNEL6)/.ready: pyproject.toml | setup
	$(call step,environment with ipykernel 6)
	@$(PY) -m venv --without-pip --clear $(@D)
	@$(PY) tools/kernel6.py $(@D)
	@touch $@

$(OLDEST)/.ready: pyproject.toml tools/oldest.py | setup
	$(call step,environment with the oldest dependencies)
	@$(PY) -m venv --clear $(@D)
	@$(PY) tools/oldest.py > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip install --quiet --constraint $(@D)/constraints.txt \
		--editable '.[livekit]' $(OLDEST_TOOLS)
	@touch $@

$(PAGE_READY): $(PAGE)/package-lock.json $(PAGE)/build.mjs | setup
	$(call step,pages for clients by others)
	@$(path) npm --prefix $(PAGE) ci --silent
	@$(path) npm --prefix $(PAGE) run --silent build
	@touch $@

bench: browser-install clients
	@$(keyless) $(PY) -m benchmarks all

clean:
	rm -rf $(VENV) $(CONFORMANCE) $(KERNEL6) $(OLDEST) $(PAGE)/node_modules $(PAGE)/dist js/node_modules \
		decart_widget/static dist build demo-check.png faults-report.json \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
