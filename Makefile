# `make` lists the targets; CI calls the same ones.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Make the environment with everything (.venv)
	@$(PYTHON) requirements/install.py dev

install-demo: ## The same without what only developers need
	@$(PYTHON) requirements/install.py demo

demo: install-demo ## A whole plant on this machine; ARGS="--seconds 60 --report FILE.json" runs without a person
	@$(BIN)/pressline demo $(ARGS)

test: install ## Every test, on every database flavour found
	@$(BIN)/python -m tests.parts --install
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0 $(ARGS)

quick: install ## Some tests of every room, on plain PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0 --quick $(ARGS)

check: install ## ruff, pyright strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

bench: install ## Measured figures; ARGS="--json FILE" writes them too
	@$(BIN)/python -m bench $(ARGS)

fault: install ## The demo plant broken at random, then compared; ARGS="--minutes 10 --seed 1"
	@$(BIN)/python -m bench.fault $(ARGS)

floor: install ## Random floors against an independent model; ARGS="--seeds 2000"
	@$(BIN)/python -m bench.floor $(ARGS)

schema: install ## Write database/schema.sql anew from the migrations
	@$(BIN)/python -m database.schema

dump: install ## Write tests/dumps/plant_NNNN.sql.gz: a plant with a past, of the schema as it is
	@$(BIN)/python -m tests.dumps

proto: install ## Compile edge_agent/sparkplug.proto
	@$(BIN)/python -m grpc_tools.protoc -I edge_agent --python_out=edge_agent edge_agent/sparkplug.proto

lock: install ## Look for newer packages and write requirements/*.lock and NOTICE anew
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/python requirements/lock.py

clean: ## Remove the environment and what tests left
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info

.PHONY: help install install-demo demo test quick check bench fault floor schema dump proto lock clean
