# Everything a contributor needs, from Python 3.11+ and make alone. The first call makes .venv; later calls reuse it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test check bench soak clean
.DELETE_ON_ERROR:

run: $(READY)
	@$(BIN)/sounding demo

test: $(READY)
	@$(BIN)/pytest -n auto --dist worksteal -m "not soak" $(ARGS)

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench || echo "without some of what is compared; the results name it" >&2
	@for b in benchmarks/*.py; do case $$b in */_*) ;; *) $(BIN)/python $$b || exit 1 ;; esac; done

soak: $(READY)
	@$(BIN)/pytest -m soak $(ARGS)

clean:
	rm -rf $(VENV) .sounding build *.egg-info .pytest_cache .mypy_cache .ruff_cache

# pip reads dependency groups only from 25.1 on, so the environment brings its own pip up to date first.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@rm -rf .mypy_cache
	@touch $(READY)
