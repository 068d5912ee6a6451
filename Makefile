# Everything from a bare Debian with Python: `make demo` shows it, `make test` proves it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# cmake and ninja come with the environment
export PATH := $(CURDIR)/$(BIN):$(PATH)
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help system env build build-cpp demo serve test test-cpp test-python test-pythons compat faults lint stubs sanitize bench sdist clean

help:            ## Show this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

system:          ## Debian packages: a compiler, simdjson, Catch2, SQLite's headers
	@./scripts/system-packages

env: $(VENV)/.installed  ## The virtual environment, with eventfold installed in it

$(VENV)/.installed: pyproject.toml | system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q --group build --group test --group lint
	@touch $@

build: env       ## Build the extension into the environment (again after each change of C++)
	@$(BIN)/python -m pip install -q --no-build-isolation --no-deps -e . -Cbuild-dir=build/python -Ccmake.define.EVENTFOLD_WERROR=ON

build-cpp: env   ## Build the C++ library and its tests, without Python
	@cmake --preset release > /dev/null
	@cmake --build --preset release

demo: build      ## The main job: ten years of a library's loans, appended, folded and replayed
	$(BIN)/python django_example/manage.py demo --replace

serve: build     ## The example site on what the demo made
	$(BIN)/python django_example/manage.py migrate -v 0
	$(BIN)/python django_example/manage.py runserver

test: lint test-cpp test-python  ## Every test

test-cpp: build-cpp
	ctest --preset release

test-python: build  ## Python's tests, then those of Django again with the DB-API way forced
	$(BIN)/python -m pytest -q -n 2 --dist loadfile
	EVENTFOLD_SQLITE_WAY=dbapi $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not any_way" tests/django tests/equivalence

test-pythons:    ## Tests under each of Python 3.10 to 3.13 that is here
	./scripts/test-pythons

compat: build    ## Django's own test suite, with every model tracked and without, compared
	$(BIN)/python -m tests.compat

faults: build    ## Kill writers, followers and replays 200 times at random moments, then verify
	EVENTFOLD_KILLS=200 $(BIN)/python -m pytest -q -s -n 0 tests/django/test_killed.py tests/django/test_killed_replays.py

lint: build stubs  ## ruff, mypy, clang-format, stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/mypy
	clang-format --dry-run --Werror $$(git ls-files 'cpp/*.hpp' 'cpp/*.cpp' 'tests/cpp/*.cpp')

stubs: build     ## Compare the committed stub of the extension with the extension
	$(BIN)/python scripts/stubs.py --check

sanitize: build-cpp  ## C++ tests under ASan+UBSan and TSan, and the borrowed extension under ASan
	./scripts/sanitize

bench: build     ## All figures: one table, one picture
	$(BIN)/python -m pip install -q --group bench
	$(BIN)/python -m benchmarks

sdist: env       ## A source distribution in dist/
	$(BIN)/python -m build --sdist

clean:           ## Remove everything that was built
	rm -rf build dist $(VENV)
