# Start with `make demo` and `make test`. The virtual environment is created when a target first needs it.
PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
FLOOR := .venv-floor/bin

.PHONY: setup demo test test-slow test-portable test-floor lint lock bench clean

setup: .venv/ready

# The lock holds hashes, so pip refuses a file that differs from the one that was locked.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

demo: setup
	$(BIN)/fewlabels demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "slow"

# What computes something, again as on other processors: older instruction sets, one and two threads.
test-portable: setup
	$(BIN)/python tests/portable.py

# The lower bounds in pyproject.toml: a short test run with the lowest direct versions, in an environment of its own.
# Needs uv. Not part of CI, because it downloads another torch.
test-floor:
	$(UV) venv --clear -q .venv-floor
	$(UV) pip install -q --python $(FLOOR)/python --resolution lowest-direct --group test -e .
	OMP_NUM_THREADS=1 $(FLOOR)/python -m pytest -n 2 --dist loadfile -m "not slow" \
		tests/augment tests/data tests/evaluation tests/models tests/methods/test_losses.py tests/test_estimator.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Needs uv. Versions that are in the lock stay; remove a line from the lock to upgrade that package.
lock:
	$(UV) pip compile pyproject.toml --extra weights --group dev --universal --generate-hashes --no-header --no-annotate -q \
		-c constraints.txt -o requirements.lock

bench: setup
	$(BIN)/python benchmarks/fixmatch_step.py

clean:
	rm -rf .venv .venv-floor runs
