# make demo   all stages on the generated corpus; ends with a report
# make test   all quick tests          make test-slow   only the slow tests
# make check  lint, format, types      make clean       remove what these made

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO_ARGS ?=
# A process a core, with one thread each.
IN_PARALLEL ?= -n auto --maxprocesses 4 --dist worksteal
# Several slow tests start two processes of their own.
IN_PARALLEL_SLOW ?= -n auto --maxprocesses 2 --dist worksteal
test test-slow: export OMP_NUM_THREADS = 1
# harken-tiny trains with two threads: those of several processes do not spin while they wait.
test test-slow: export OMP_WAIT_POLICY = passive
# Rewritten test files are kept for the next run: a quarter of a minute for each process.
test test-slow: export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow check format clean

demo: .venv/.installed
	$(BIN)/harken demo $(DEMO_ARGS)

test: .venv/.installed-dev
	$(BIN)/python -m pytest -m "not slow" $(IN_PARALLEL)

test-slow: .venv/.installed-dev
	$(BIN)/python -m pytest -m slow $(IN_PARALLEL_SLOW)

check: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
