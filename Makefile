# `make demo` shows the widget, `make test` runs all checks. Everything is installed into .venv,
# .venv-* and folders named node_modules; `make clean` removes it.

SHELL := /bin/sh
.SUFFIXES:
.DEFAULT_GOAL := help
# Fastest first, one at a time: Chromium and the servers use the other cores.
.NOTPARALLEL:

VENV := .venv
PY := $(VENV)/bin/python
# Clients by others, for tests and benchmarks: one environment for each Python client, one page for
# the browser clients.
CONFORMANCE := .venv-conformance
# The same packages with ipykernel 6, which has no subshells.
KERNEL6 := .venv-ipykernel6
# Each dependency at its lowest allowed version, and the packages that tests/pure and tests/loopback
# need.
OLDEST := .venv-oldest
OLDEST_TOOLS := hypothesis psutil pytest pytest-asyncio pytest-timeout
CLIENTS := $(CONFORMANCE)/decart-0.0.40/.ready $(CONFORMANCE)/decart-0.2.4/.ready
PAGE := tests/conformance/page
PAGE_READY := $(PAGE)/dist/.ready
# Node comes from the system or from .venv, where `make setup` puts it when the system has none.
path := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
npm := $(path) npm --prefix js run --silent
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Bytecode of this checkout is kept, whatever the environment says: the layers start some hundred
# processes, each of which would compile the package again.
export PYTHONDONTWRITEBYTECODE :=
install := $(PY) tools/install.py
# A key in the environment never reaches a test: nothing here is billed.
keyless := env -u DECART_API_KEY
# `make test` sets MEASURED for its layers, so that the coverage of every Python process of theirs
# (`measured`) and of the bundle's scripts in Chromium is measured; a layer that is run alone is not
# measured.
ifdef MEASURED
measured := COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml" \
	COVERAGE_FILE="$(CURDIR)/.coverage-data/python/data"
measured_scripts := DECART_WIDGET_COVERAGE="$(CURDIR)/.coverage-data"
unit_tests := coverage
else
measured :=
measured_scripts :=
unit_tests := test
endif
# Lanes of layers run side by side: one needs a processor all the time, the others mostly wait for
# servers, kernels and pictures. Chromium with JupyterLab needs all processors, so its layer comes after
# them.
LANE_CODE := lint js pure packaging bundle
LANE_SERVERS := loopback conformance kernel
LANE_WORKERS := engine explore notebooks
LANE_LOG := .lane
# Chromium itself crashes now and then; the test in which it does is run again, in a new Chromium.
after_crash := --reruns 1 --only-rerun TargetClosedError

# The native code of the `livekit` package, which clients of the tests use, may abort the whole run: seen
# on busy machines, in VideoSource.capture_frame and on a thread of its own (livekit 1.2.1). Such a run is
# repeated once; pytest leaves standard error alone, so that what the package says is in the log.
define repeated_after_abort
@$(1) || { code=$$?; [ $$code -eq 134 ] || exit $$code; echo "aborted; once more:"; $(1); }
endef

# CPython 3.11 miscounts the recursion depth where Playwright's greenlets or livekit were used, and then
# refuses to parse source code ("AST constructor recursion depth mismatch"). Hypothesis' plugin does so at
# the end of a run, pytest's own tracebacks do so for each failure: such layers have neither.
no_ast := -p no:hypothesispytest --tb=native

step = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.PHONY: help setup hooks demo demo-check test lint js pure loopback engine explore kernel notebooks bundle browser \
        firefox conformance clients packaging oldest faults bench clean browser-install screenshots \
        coverage coverage-begin livekit rooms

help:
	@echo "make demo         JupyterLab with the quick start; installs what is missing"
	@echo "make demo-check   the same in headless Chromium with a fake camera; checks pixels"
	@echo "make test         lint, and the tests for which Python and Chromium suffice"
	@echo "make firefox      tests in Firefox; skipped with the reason where there is none"
	@echo "make faults       faults during a running session, and the recovery from them; 15 minutes"
	@echo "make bench        every benchmark, as a table"
	@echo "make screenshots  pictures of the widget in its states, into docs/images"
	@echo "make livekit      a LiveKit server for the tests of rooms; 2.5 minutes, needs Go"
	@echo "make rooms        the tests on that server; skipped with the reason where there is none"
	@echo "make oldest       tests with the lowest allowed version of each dependency"
	@echo "make hooks        pre-commit hooks that run the checks of lint"
	@echo "make setup | lint | conformance | clean"

# --- ready to run -----------------------------------------------------------------------------

# Each step leaves a stamp; a second run only compares stamps.
setup:
	@tools/setup.sh

demo: setup
	@$(PY) -m tools.demo

demo-check: browser-install
	@$(keyless) $(PY) -m tools.demo_check

browser-install: setup
	@$(PY) -m tools.browser --install

# The fake camera shows a photograph from scikit-image.
screenshots: browser-install
	@$(install) $(PY) scikit-image
	@$(PY) -m tools.screenshot

# --- tests, fastest first ---------------------------------------------------------------------

# The environments of `conformance` and `kernel` are made in their lanes.
test: browser-install coverage-begin
	$(call step,$(LANE_CODE); beside them $(LANE_SERVERS); $(LANE_WORKERS))
	@$(MAKE) --no-print-directory MEASURED=1 $(LANE_SERVERS) > $(LANE_LOG)-servers.log 2>&1 & servers=$$!; \
	$(MAKE) --no-print-directory MEASURED=1 $(LANE_WORKERS) > $(LANE_LOG)-workers.log 2>&1 & workers=$$!; \
	trap 'kill $$servers $$workers' INT TERM; \
	$(MAKE) --no-print-directory MEASURED=1 $(LANE_CODE); code=$$?; \
	wait $$servers || code=$$?; cat $(LANE_LOG)-servers.log; \
	wait $$workers || code=$$?; cat $(LANE_LOG)-workers.log; \
	exit $$code
	@$(MAKE) --no-print-directory MEASURED=1 browser coverage
	$(call step,all of make test passes)

coverage-begin: setup
	@$(PY) -m tools.coverage --erase
	@$(npm) coverage:build

# Built from the Go module proxy where there is a Go. Tests that need it are skipped until it is built.
livekit: setup
	@$(PY) -m tools.livekit

# Of the layers that `make test` ran: packaging tests files, not code; faults come after it.
coverage: setup
	$(call step,coverage of the tests)
	@$(PY) -m tools.coverage
	@$(npm) coverage:report

lint: setup
	$(call step,style; types; imports; layout; changelog)
	@$(PY) -m ruff check .
	@$(PY) -m ruff check --quiet --preview --select DOC102,DOC202,DOC402,DOC403 decart_widget
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) -m pytest -q tests/pure/test_structure.py
	@draft=$$($(VENV)/bin/towncrier build --draft 2>&1) || { echo "$$draft"; exit 1; }

# Runs the checks of `lint` and `js` before each commit.
hooks: setup
	@$(VENV)/bin/pre-commit install

js: setup
	$(call step,front end: types; lint; unit tests)
	@$(npm) check
	@$(npm) $(unit_tests)
	@$(npm) size

pure notebooks: setup
	$(call step,tests/$@)
	@$(keyless) $(measured) $(PY) -m pytest -q tests/$@

loopback: setup
	$(call step,tests/$@)
	$(call repeated_after_abort,$(keyless) $(measured) $(PY) -m pytest -q --capture=sys -m "not livekit" tests/$@)

# Worker processes of the engine that sends and receives frames in Python.
engine: setup
	$(call step,tests/$@)
	$(call repeated_after_abort,$(keyless) $(measured) $(PY) -m pytest -q -m "not livekit" tests/$@)

# Sweeps: many cells in few sessions, here and in the processes of executors.
explore: setup
	$(call step,tests/$@)
	$(call repeated_after_abort,$(keyless) $(measured) $(PY) -m pytest -q tests/$@)

# Not part of `make test`, like `firefox`: to build the server takes Go and 2.5 minutes. Tests of what a
# LiveKit server can't be told to do, and those without a room, are left out, as are the rows of
# docs/reliability.md that always use that server: `make faults` runs them.
on_livekit = $(keyless) DECART_WIDGET_TEST_ROOMS=livekit DECART_WIDGET_FAULTS_REPORT=$(VENV)/rooms-report.json \
	$(PY) -m pytest -q $(no_ast) $(after_crash) -m "not local_rooms" -k "not webrtc"
ROOMS_BROWSER := $(patsubst %,tests/browser/test_%.py,bundle_room lab_session lab_sound lab_recovery)
ROOMS_FAULTS := tests/faults/test_rooms.py tests/faults/test_picture.py \
	$(addprefix tests/faults/test_connection.py::test_,the_control_socket_drops \
		a_reconnect_waits_in_the_queue) \
	tests/faults/test_pages.py::test_the_page_is_reloaded
rooms: browser-install livekit
	$(call step,rooms on a LiveKit server: tests/loopback and tests/engine)
	$(call repeated_after_abort,$(keyless) $(PY) -m pytest -q --capture=sys -m livekit tests/loopback tests/engine)
	$(call step,rooms on a LiveKit server: tests/browser)
	@$(on_livekit) $(ROOMS_BROWSER)
	$(call step,rooms on a LiveKit server: tests/faults)
	@$(on_livekit) $(ROOMS_FAULTS)

# Tests with the lowest allowed versions. The layout of the source and the state machine, which two long
# tests call in any order, do not depend on them.
oldest: $(OLDEST)/.ready
	$(call step,tests/pure and sessions with the oldest dependencies)
	@$(keyless) $(OLDEST)/bin/python -m pytest -q --ignore tests/pure/test_structure.py \
		--ignore tests/pure/protocol/test_fuzz.py \
		--ignore tests/pure/protocol/test_machine_any_order.py \
		tests/pure tests/loopback/test_session.py tests/loopback/test_session_room.py

kernel: setup $(KERNEL6)/.ready
	$(call step,tests/$@)
	@$(keyless) $(measured) $(PY) -m pytest -q $(no_ast) tests/$@

# Skipped, with the reason, where there is no Firefox and none can be installed.
firefox: setup
	$(call step,tests/$@)
	@$(PY) -m tools.firefox --install
	@$(keyless) $(PY) -m pytest -q $(no_ast) tests/$@

# The tests of tests/browser without JupyterLab; `browser` runs the others.
BUNDLE_TESTS := $(wildcard tests/browser/test_bundle_*.py tests/browser/test_exported_*.py)
bundle: browser-install
	$(call step,tests/browser: the bundle alone)
	@$(keyless) $(measured_scripts) $(PY) -m pytest -q $(no_ast) $(after_crash) $(BUNDLE_TESTS)

browser: browser-install
	$(call step,tests/browser: in JupyterLab)
	@$(keyless) $(measured_scripts) $(PY) -m pytest -q $(no_ast) $(after_crash) \
		$(addprefix --ignore ,$(BUNDLE_TESTS)) tests/browser

# One test for each row of docs/reliability.md; not part of `make test` because it takes long.
faults: browser-install
	$(call step,tests/$@: faults during a running session)
	@$(keyless) $(PY) -m pytest -q $(no_ast) $(after_crash) tests/$@

packaging: setup
	$(call step,tests/$@: sdist and wheel; built and installed)
	@$(keyless) $(PY) -m pytest -q tests/$@

# Clients by others need their own versions of shared dependencies, hence their own environments.
conformance: browser-install clients
	$(call step,tests/$@: clients by others)
	@$(keyless) $(measured) $(PY) -m pytest -q $(no_ast) tests/$@

clients: $(CLIENTS) $(PAGE_READY)

$(CONFORMANCE)/%/.ready: tests/conformance/%.txt | setup
	$(call step,environment for $*)
	@$(PY) -m venv $(@D)
	@$(install) $(@D)/bin/python --requirement $<
	@touch $@

$(KERNEL6)/.ready: pyproject.toml | setup
	$(call step,environment with ipykernel 6)
	@$(PY) -m venv --without-pip --clear $(@D)
	@$(PY) -m tools.kernel6 $(@D)
	@touch $@

$(OLDEST)/.ready: pyproject.toml tools/oldest.py | setup
	$(call step,environment with the oldest dependencies)
	@$(PY) -m venv --clear $(@D)
	@$(PY) tools/oldest.py > $(@D)/constraints.txt
	@$(install) $(@D)/bin/python --constraint $(@D)/constraints.txt \
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
	rm -rf .livekit $(VENV) $(CONFORMANCE) $(KERNEL6) $(OLDEST) $(PAGE)/node_modules $(PAGE)/dist js/node_modules \
		decart_widget/static dist build .coverage-data js/coverage demo-check.png faults-report.json $(LANE_LOG) \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
