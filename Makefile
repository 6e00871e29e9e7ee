# All commands of the study. They need make and Python 3.11, 3.12 or 3.13. Everything else
# is installed into .venv from requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# uv installs .venv in half a minute; pip takes three minutes.
UV := uv==0.13.*

# The point of Fig. 2 that `make study` trains: `make study POINT=RS-101 SEED=1`.
# EPOCHS=1 makes a quick look.
POINT ?= RS-50
SEED ?= 0
EPOCHS ?=

# `make rerun` repeats COUNT runs, drawn with the seed DRAW: `make rerun DRAW=1`.
DRAW ?= 0
COUNT ?= 3

# The headless browser of `make pdf` and `make check-pages`.
CHROMIUM ?= $(shell command -v chromium || command -v google-chrome)

.PHONY: help study rerun tables check-tables test test-slow test-slow-jax \
  test-oldest test-newest book check-pages pdf release serve lint lock bench faults \
  audit licences clean

help:
	@echo "make study   render Pantomime, train $(POINT), compare it, build the book;"
	@echo "             EPOCHS=1 for a quick look, POINT=RS-101, SEED=1"
	@echo "make test    the test suite, on TensorFlow and on JAX"
	@echo "make test-slow  the slow tests, on the book that was built; test-slow-jax"
	@echo "make test-oldest  the tests with the oldest versions that are allowed"
	@echo "make test-newest  the tests with the newest, on Python 3.13"
	@echo "make book    the book, from the published records and your own runs"
	@echo "make tables  write the published tables and figures again, from results/"
	@echo "make check-tables  fail if tables or figures differ from the records"
	@echo "make check-pages   open every page of the book in headless Chromium"
	@echo "make pdf     the book as a PDF, by headless Chromium"
	@echo "make rerun   repeat $(COUNT) runs, drawn by a seed, and compare the records"
	@echo "make release the built book as one archive, and checksums, in dist/"
	@echo "make serve   show the book at http://localhost:8000"
	@echo "make bench   measure speed and memory: benchmarks/README.md"
	@echo "make lint    ruff, on modules and notebooks"
	@echo "make faults  only the tests of faults: kills, damage, full disks, hostile input"
	@echo "make audit   known vulnerabilities of the dependencies, from the network"
	@echo "make licences  the licences of the direct dependencies"
	@echo "make lock    resolve pyproject.toml into requirements.lock again"
	@echo "make clean   remove what was built, except .venv and trained networks"

# Check Python's version and 4 GB of free disk. The error says what is missing.
define CHECKS
import shutil, sys
found, free = sys.version_info[:2], shutil.disk_usage(".").free / 1e9
if not (3, 11) <= found <= (3, 13):
    sys.exit("Python 3.11, 3.12 or 3.13 is needed, found %d.%d: make PYTHON=python3.12" % found)
if free < 4:
    sys.exit("4 GB of disk are needed for .venv, found %.1f GB in this folder" % free)
endef
export CHECKS

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c "$$CHECKS"
	@echo "Set-up: about 200 packages into .venv, from requirements.lock"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --retries 1 $(UV) || { echo \
	  "Set-up stopped: pip cannot reach its package index. A network is needed once."; \
	  exit 1; }
	@$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes \
	  -r requirements.lock || \
	  $(BIN)/pip install --require-hashes -r requirements.lock || { echo \
	  "Set-up stopped: a package cannot be installed, see above. Run make again: what" \
	  "was downloaded is kept."; exit 1; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps \
	  --no-build-isolation -e .
	@touch $@

# A quick look has its own folders, so it does not replace a whole run.
RUN = scaling/$(POINT) --seed $(SEED) $(if $(EPOCHS),-p epochs=$(EPOCHS) \
  --results runs/quick --checkpoints build/checkpoints/quick)
LENGTH = $(if $(EPOCHS),$(EPOCHS) of its epochs (a quick look),all epochs)

study:
	@echo "make study: 1. set-up (1 minute); 2. render Pantomime-20 (1 to 3 minutes);"
	@echo "3. train $(POINT), $(LENGTH) ($(if $(EPOCHS),1 to 3,7 to 13) minutes for RS-50);"
	@echo "4. build the book (1 to 3 minutes). In all $(if $(EPOCHS),4 to 9,9 to 20) on two quiet cores."
	@echo "1 of 4: set-up"
	@$(MAKE) --no-print-directory $(READY)
	@$(BIN)/python -m r3d_rs run $(RUN) --dry-run > /dev/null
	@echo "2 of 4: Pantomime-20"
	@$(BIN)/python -m r3d_rs data prepare pantomime-20
	@echo "3 of 4: $(POINT), seed $(SEED)"
	@$(BIN)/python -m r3d_rs run $(RUN)
	@echo "4 of 4: the book"
	@$(MAKE) --no-print-directory book
	@echo "The book has your run under \"Your runs\". Open file://$(CURDIR)/book/_build/html/index.html"

rerun: $(READY)
	$(BIN)/python -m r3d_rs rerun --seed $(DRAW) --count $(COUNT)

tables: $(READY)
	$(BIN)/python -m r3d_rs report tables

check-tables: $(READY)
	$(BIN)/python -m r3d_rs report tables --check

# Equal records give equal bytes: figures share one date (2026-01-01) and have no random
# names.
book: export SOURCE_DATE_EPOCH := 1767225600
book: export MATPLOTLIBRC := $(CURDIR)/book/matplotlibrc

# Warnings are errors: an unknown reference, a missing number or picture, a cell that
# raises.
book: $(READY)
	@$(BIN)/python book/collect_runs.py $(COLLECT)
	@$(BIN)/python book/build.py
	@$(BIN)/python book/check_links.py

# axe-core, which checks accessibility, comes from npm and is not in the repository.
AXE := build/axe/node_modules/axe-core/axe.min.js
$(AXE):
	npm install --prefix build/axe --no-save --no-audit --no-fund axe-core@4

check-pages: $(READY) $(AXE)
	@test -n "$(CHROMIUM)" || \
	  { echo "Chromium is needed: make check-pages CHROMIUM=/path/to/chromium"; exit 1; }
	$(BIN)/python book/check_pages.py --chromium $(CHROMIUM) --axe $(AXE)

pdf: $(READY)
	@test -n "$(CHROMIUM)" || \
	  { echo "Chromium is needed: make pdf CHROMIUM=/path/to/chromium"; exit 1; }
	$(BIN)/python book/print_pdf.py --chromium "$(CHROMIUM)"

# Build the book from the published records only. Any difference from the commit stops it.
release: check-tables
	@$(MAKE) --no-print-directory book COLLECT=--published
	$(BIN)/python book/release.py

serve: $(READY)
	$(BIN)/python -m http.server 8000 --bind localhost --directory book/_build/html

# Tests of one file run in one process, because they share trained networks. Files run in
# order.
TOGETHER := -n 2 --dist loadfile --no-loadscope-reorder
test: $(READY)
	KERAS_BACKEND=tensorflow $(BIN)/pytest $(TOGETHER) -m "not slow"
	KERAS_BACKEND=jax $(BIN)/pytest $(TOGETHER) -m "both_backends and not slow"

# Some slow tests read the built book: run `make book` first.
test-slow: $(READY)
	$(BIN)/pytest $(TOGETHER) -m slow

# The slow tests that depend on the backend, on JAX.
test-slow-jax: $(READY)
	KERAS_BACKEND=jax $(BIN)/pytest $(TOGETHER) -m "both_backends and slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Locked versions stay if possible; `make lock UPGRADE=--upgrade` takes the newest. The
# result is valid for Python 3.11 to 3.13, on Linux and macOS.
UPGRADE ?=
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" build/lock/bin/uv pip compile --quiet \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE) \
	  --extra data --extra study --extra book --extra export --extra test \
	  -o requirements.lock pyproject.toml

# Environments with the oldest direct dependencies that pyproject.toml allows, and with
# the newest.
OLDEST ?= python3.11
NEWEST ?= python3.13
build/oldest/.ready build/newest/.ready: build/%/.ready: pyproject.toml
	rm -rf build/$*
	$(if $(filter oldest,$*),$(OLDEST),$(NEWEST)) -m venv build/$*
	build/$*/bin/pip install --quiet uv
	build/$*/bin/uv pip install --quiet --python build/$*/bin/python -e '.[data,study,book,export,test]' \
	  --resolution $(if $(filter oldest,$*),lowest-direct,highest)
	@touch $@

# Warnings, such as one about a deprecated name, do not fail these tests.
OTHERS := -o filterwarnings=default
test-oldest test-newest: test-%: build/%/.ready
	KERAS_BACKEND=tensorflow build/$*/bin/pytest $(TOGETHER) $(OTHERS) -m "not slow"
	KERAS_BACKEND=jax build/$*/bin/pytest $(TOGETHER) $(OTHERS) \
	  -m "both_backends and not slow"

# Some tests mount small disks or switch the user. Without root they are skipped.
faults: $(READY)
	$(BIN)/pytest $(TOGETHER) tests/faults

# uv runs each tool in an environment of its own. The audit asks pypi.org, and fails if a
# package is unknown there.
audit: $(READY)
	$(BIN)/uv tool run pip-audit --strict --disable-pip --require-hashes \
	  -r requirements.lock

DIRECT := import re; from importlib import metadata; print(*sorted( \
  {re.match(r"[\w-]+", name)[0] for name in metadata.requires("r3d-rs")}))
licences: $(READY)
	$(BIN)/uv tool run pip-licenses --python $(BIN)/python --order license \
	  --packages $$($(BIN)/python -c '$(DIRECT)')

# Run one at a time, so each has the machine to itself.
bench: $(READY)
	$(BIN)/python benchmarks/limits.py
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/pipeline.py

clean:
	find build -mindepth 1 -maxdepth 1 ! -name checkpoints ! -name reruns -exec rm -rf {} + 2>/dev/null || true
	rm -rf dist book/_build book/runs .pytest_cache .ruff_cache *.egg-info
