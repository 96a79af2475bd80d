# One command each for what people do here; `make` alone lists them.

PYTHON ?= python3
UV ?= uv
VENV := .venv
INSTALLED := $(VENV)/.installed
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(UPGRADE)
MACHINE := $(subst arm64,aarch64,$(shell uname -m))
WHEELS_FOR := $(foreach version,_2_17 2014 _2_28 _2_12 2010 _2_5 1,--platform manylinux$(version)_$(MACHINE))

.DEFAULT_GOAL := help
.PHONY: help setup verify test bench serve doctor lock wheel wheelhouse image images clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make the virtual environment with the pinned packages (nothing when it is up to date)

verify: setup ## Run the checklist and test the contract against the server, and write the report
	@$(VENV)/bin/rig verify

test: setup ## Run the tests of server and rig
	@$(VENV)/bin/python -m pytest tests -q -n 2 --dist worksteal

bench: setup ## Measure pings and polls beside a request that does nothing, then what an outage costs under a storm
	@$(VENV)/bin/rig bench --hot; hot=$$?; $(VENV)/bin/rig bench && exit $$hot

serve: setup ## Run the server on a stack with demo people, until Ctrl-C
	@$(VENV)/bin/rig serve

doctor: setup ## Tell what is there, what is missing and what to do
	@$(VENV)/bin/rig doctor

lock: ## Compile the requirements again (UPGRADE=--upgrade for newer versions); needs uv
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it (pip install uv) or set UV=" >&2; exit 1; }
	$(COMPILE) requirements-server.in -o requirements-server.txt
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-load.in -o requirements-load.txt
	$(COMPILE) requirements-go.in -o requirements-go.txt
	$(COMPILE) --no-deps requirements-fallback.in -o requirements-fallback.txt

wheel: setup ## Build the wheel that needs no checkout, into dist/
	@$(VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --wheel-dir dist .
	@rm -rf build

wheelhouse: wheelhouse/.complete ## Fetch the pinned packages of the server's and the load's image (Linux, Python 3.11)

image: wheelhouse ## Build the server's image, mirror-rig/server
	docker build --file server/Dockerfile --tag mirror-rig/server .

images: setup ## Make stand-ins for the official images where none can be pulled
	@$(VENV)/bin/python tests/docker/make-images

clean: ## Remove what setup and runs made, but not reports/
	rm -rf $(VENV) wheelhouse .rig .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

wheelhouse/.complete: requirements-server.txt requirements-load.txt $(INSTALLED)
	rm -rf wheelhouse
	@$(VENV)/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--python-version 3.11 $(WHEELS_FOR) --dest wheelhouse -r requirements-server.txt
	@$(VENV)/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--python-version 3.11 $(WHEELS_FOR) --dest wheelhouse -r requirements-load.txt
	@touch $@

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=...") if sys.version_info < (3, 11) else 0'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@
