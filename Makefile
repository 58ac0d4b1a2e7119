# make demo: the main job on real images. make test: lint, types, layers, tests. Both create the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: env demo test lint types layers tests bench bench-quick format constraints clean

env: $(READY)

$(READY): pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/environment
	touch $@

demo: $(READY)
	$(BIN)/python examples/demo.py

test: lint types layers tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/pyrefly check

layers: $(READY)
	$(BIN)/lint-imports

# Two processes of one thread each: more threads only wait for each other on the small networks of the tests.
tests: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not gpu"

# Speed beside timm, torchvision and fastai (where it is installed); a quiet machine, half an hour.
bench: $(READY)
	$(BIN)/python benchmarks/suite.py --into benchmarks/RESULTS.md

# A minute of ratios beside the last results; it fails at nothing.
bench-quick: $(READY)
	$(BIN)/python -W ignore benchmarks/quick.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints:
	uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --all-extras --group dev \
		pyproject.toml -c constraints.in -o constraints.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache
