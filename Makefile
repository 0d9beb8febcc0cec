# Nextmove. `make run` needs python3 (3.11 or newer), pip and make; nothing else.
PYTHON ?= python3
BOOTSTRAP = @$(PYTHON) -I config/bootstrap.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check audit bench chaos lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' Makefile

run: ## Install what is missing and start Nextmove
	$(BOOTSTRAP) run
	@exec .venv/bin/nextmove serve

test: ## Run the whole suite here, and again on each server that answers
	$(BOOTSTRAP) dev
	@exec .venv/bin/python -m tests.run

check: ## Run everything CI runs besides the tests
	$(BOOTSTRAP) dev
	@exec .venv/bin/python -m tests.check

audit: ## Ask the network whether a weakness is known of a pinned library
	$(BOOTSTRAP) dev
	@exec .venv/bin/python -m tests.audit

bench: ## Measure Nextmove against plain alternatives
	$(BOOTSTRAP) dev
	@exec .venv/bin/python -m benchmarks

chaos: ## Kill processes and servers of our own while events come in, and count what came of them
	$(BOOTSTRAP) dev
	@.venv/bin/python -m pytest -n0 -m chaos tests/chaos
	@exec .venv/bin/python -m tests.chaos

LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header $(if $(UPGRADE),--upgrade)

lock: ## Renew the hashed locks from pyproject.toml (UPGRADE=1: newest versions)
	$(BOOTSTRAP) dev
	@test -x .venv/bin/uv || .venv/bin/python -m pip install --quiet uv || \
		$(PYTHON) -m pip --python .venv/bin/python install --quiet uv
	$(LOCK) pyproject.toml --group build --output-file requirements/run.txt
	$(LOCK) --group pyproject.toml:solver --constraint requirements/run.txt --output-file requirements/solver.txt
	$(LOCK) pyproject.toml --group build --group dev --constraint requirements/run.txt \
		--constraint requirements/solver.txt --output-file requirements/dev.txt
