# `make demo` and `make test` set up all that they need in .venv; PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE =  # the many processes of tests and searches find their modules compiled

.PHONY: demo test lint light bench setup clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## the main job on embedded data: search, verdict, report
	$(BIN)/clew demo

test: setup  ## all tests, in two processes of one thread each: more would wait for one another
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup  ## style, types, import order
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

light: setup  ## an installation without extras, in an environment of its own: no torch, at most 600 MB, a ticket runs
	$(BIN)/python benchmarks/light_install.py

bench: setup  ## measured comparisons: see benchmarks/
	$(BIN)/python benchmarks/training_speed.py

clean:
	rm -rf $(VENV) build dist
