# `make` or `make help` lists what there is.

SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# Called as `make test ARGS="-k line -x"`, or ARGS="-n 0" for one process. Each of two processes
# has servers of its own. A third saves two minutes on two cores, and tests fail that are about time.
ARGS ?=
# Called as `make drill FANS=50000 TICKETS=5000`.
FANS ?= 2000
TICKETS ?= 200
# Of `make faults`: how many, and which.
FAULTS ?= 60
SEED ?= 7
# Without a home folder pip has nowhere to keep its cache, and says so at length.
NO_CACHE := $(if $(HOME),,--no-cache-dir)
# No file is taken whose hash is not in the list, be it on the index or in a folder of this machine.
# Nothing is built but crontab, which comes as source only; what builds it is pinned as well.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-input $(NO_CACHE) \
	--require-hashes --no-build-isolation --only-binary :all: --no-binary crontab
# Settings files of whoever calls must not choose where versions and hashes come from.
PIN := UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make pins"

.DEFAULT_GOAL := help
.PHONY: help install run restart test money drill faults attack bench growth lint words pins licences pictures format browser wrk nginx clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.product ## what FairQueue runs on, into .venv; the other targets see to it themselves

run: $(VENV)/.product ## start everything on this machine; Ctrl-C ends it
	@exec $(BIN)/python -m sandbox.run

restart: $(VENV)/.product ## a running `make run` takes up the new code; no request fails
	@$(BIN)/python -m sandbox.restart

test: $(VENV)/.development browser wrk nginx ## every test, on servers of their own
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

money: $(VENV)/.development ## 1,000 purchases on the gateway's worst day: its books against ours
	@$(BIN)/python -m drill.money $(ARGS)

drill: $(VENV)/.development ## the noon itself: FANS=2000 fans for TICKETS=200 tickets
	@$(BIN)/python -m drill.noon --fans $(FANS) --tickets $(TICKETS) $(ARGS)

faults: $(VENV)/.development ## kill it anywhere, FAULTS=60 times (SEED=7), under load: is all well again?
	@$(BIN)/python -m drill.faults --faults $(FAULTS) --seed $(SEED) $(ARGS)

attack: $(VENV)/.development nginx ## what strangers try, on a running product: does every defence hold?
	@$(BIN)/python -m drill.attack $(ARGS)

bench: $(VENV)/.development wrk ## requests a second and round trips of each kind, beside a bare view
	@$(BIN)/python -m drill.bench $(ARGS)

growth: $(VENV)/.development wrk ## what a longer line costs: from 1,000 to 500,000 waiting
	@$(BIN)/python -m drill.growth $(ARGS)

lint: $(VENV)/.development ## what the machine says before a person reads the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app jobs migrations wsgi.py
	@$(BIN)/mypy
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/lint-imports

words: $(VENV)/.product ## bring new sentences into translations/, where they are said in other languages
	@$(BIN)/python -m sandbox.words

# What is pinned already stays, unless ARGS says otherwise: ARGS="--upgrade-package flask".
pins: $(VENV)/.development ## versions and hashes of requirements*.txt, from the index
	@$(PIN) $(ARGS) requirements-build.in -o requirements-build.txt
	@$(PIN) $(ARGS) requirements.in -o requirements.txt
	@$(PIN) $(ARGS) requirements-dev.in -o requirements-dev.txt

licences: $(VENV)/.development ## the licence of everything we install, into docs/licences.md
	@$(BIN)/python -m sandbox.licences

pictures: $(VENV)/.development browser ## every page and state, as a fan or staff sees it, into docs/pictures/
	@rm -rf var/pictures
	@PICTURES=var/pictures $(BIN)/python -m pytest -q tests/browser/test_every_page.py
	@rm -rf docs/pictures && mv var/pictures docs/pictures

format: $(VENV)/.development ## put the code into the form that lint wants
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Debian's Chromium, for the tests in a browser. Where it cannot be installed they are skipped,
# with one sentence; in CI they fail instead.
browser:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 \
			|| echo "Chromium could not be installed."; \
	fi

# The load generator of the benchmarks; their tests are skipped without it, as above.
wrk:
	@if ! command -v wrk >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing wrk for the benchmarks."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends wrk; } >/dev/null 2>&1 \
			|| echo "wrk could not be installed."; \
	fi

# What deploy/nginx.conf is for, as above. In runlevel 1 Debian does not start it on port 80.
nginx:
	@if ! PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null && [ "$$(id -u)" = 0 ] \
		&& command -v apt-get >/dev/null; then \
		echo "Installing nginx to try its configuration."; \
		{ apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends nginx; } >/dev/null 2>&1 \
			|| echo "nginx could not be installed."; \
	fi

clean: ## remove the virtual environment and all data of `make run`
	@if [ -e var/run.json ]; then echo "FairQueue is running; end it first." >&2; exit 1; fi
	@rm -rf $(VENV) var

# A stamp newer than the list of requirements says that they are installed.
$(VENV)/.product: requirements-build.txt requirements.txt | $(VENV)/bin/pip
	@echo "Installing what FairQueue runs on (once)."
	@$(INSTALL) -r requirements-build.txt
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.product
	@echo "Installing what tests and lint need (once)."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "FairQueue needs Python 3.11 or newer; set PYTHON to one." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv module is missing (Debian: python3-venv)." >&2; exit 1; }
