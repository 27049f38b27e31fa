# Watchword. `make` alone prints what can be made.
#
# Needs Python >= 3.11, make and git. Everything else is set up here: uv in .uv, the environment in .venv, and the
# Debian packages that the tests need (as root or with sudo). Runs from an empty environment (env -i PATH=...).

UV_VERSION := 0.13.9
ARGS ?=

UV      := .uv/bin/uv
UV_MARK := .uv/uv-$(UV_VERSION)
RUN     := .venv/bin/python
RUNTIME := .venv/.runtime
DEV     := .venv/.dev
SYSTEM  := .uv/system-packages
TSC     := node_modules/.installed
LOCKED  := uv.lock pyproject.toml
CORES   := $(shell nproc 2>/dev/null || echo 2)
# Much of what tests do is to wait, for servers that start, stop and stand still: two more than there are cores.
TESTERS := $(shell echo $$(($(CORES) + 2)))

# An empty environment names no path.
ifeq ($(PATH),)
export PATH := /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
endif

# An empty environment names no certificates, and registries are reached over TLS only.
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(CERTIFICATES),)
export PIP_CERT ?= $(CERTIFICATES)
export UV_SYSTEM_CERTS := 1
export NODE_EXTRA_CA_CERTS ?= $(CERTIFICATES)
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
# Where nothing compiled is kept, each of the hundreds of processes of a run compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup serve test check example bench aged soak e2e vectors vendor coverage clean \
	check-format check-lint check-types check-imports check-modules check-shape

help: ## print this
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: $(DEV) ## set up uv and the environment in .venv
	@echo "the environment is in .venv"

serve: $(RUNTIME) ## start the service on http://127.0.0.1:8000 (ARGS="--bind ... --data ...")
	@.venv/bin/watchword serve $(ARGS)

test: $(DEV) $(SYSTEM) $(TSC) ## run every test, with the browser (ARGS="-k words")
	@.venv/bin/pytest -n $(TESTERS) --dist loadgroup $(ARGS)

e2e: $(DEV) $(SYSTEM) $(TSC) ## run the browser tests alone
	@.venv/bin/pytest tests/e2e $(ARGS)

check: $(DEV) $(TSC) ## format, lint, types, imports, modules, shape: under a minute
	@started=$$(date +%s); \
	$(MAKE) -k -j$(CORES) --output-sync=target \
	  check-types check-lint check-format check-imports check-modules check-shape; \
	outcome=$$?; echo "check took $$(($$(date +%s) - started)) s"; exit $$outcome

check-format: $(DEV)
	@echo "== ruff format"; .venv/bin/ruff format --check --output-format concise .
check-lint: $(DEV)
	@echo "== ruff check"; .venv/bin/ruff check --quiet --output-format concise .
check-types: $(DEV)
	@echo "== mypy --strict"; .venv/bin/mypy
check-imports: $(DEV)
	@echo "== import contracts"; .venv/bin/lint-imports --no-logo
check-modules: $(DEV) $(TSC)
	@echo "== tsc --checkJs"; tools/check-modules
check-shape: $(DEV)
	@echo "== architecture tests"; .venv/bin/pytest -q -p no:cacheprovider tests/architecture

example: $(DEV) ## start the example app and a service for it, on http://localhost:8080
	@$(RUN) -m examples.login

bench: $(DEV) $(SYSTEM) ## measure, and write RESULTS.md, SCALE.md and TIMING.md there
	@$(RUN) -m bench $(ARGS)
	@$(RUN) -m bench.scale $(ARGS)
	@$(RUN) -m bench.valkey $(ARGS)
	@$(RUN) -m bench.workers $(ARGS)
	@$(RUN) -m bench.timing $(ARGS)

aged: $(DEV) $(SYSTEM) ## measure on stores with eleven million verifications (10 GB, a quarter of an hour)
	@$(RUN) -m bench.aged $(ARGS)

soak: $(DEV) $(SYSTEM) ## run for half an hour and look at memory, and write bench/SOAK.md (ARGS="--minutes 10")
	@$(RUN) -m bench.soak $(ARGS)

vectors: $(DEV) ## check the published test vectors against the code
	@.venv/bin/pytest tests/vectors $(ARGS)

vendor: ## check vendored files against their SHA-256 list
	@tools/check-vendor

coverage: $(DEV) ## branch coverage of core and flows, which must be whole
	@.venv/bin/coverage erase
	@.venv/bin/coverage run -m pytest -q tests/core tests/flows tests/contract tests/properties tests/vectors
	@.venv/bin/coverage combine --quiet
	@.venv/bin/coverage report --include='src/watchword/core/*,src/watchword/flows/*' --fail-under=100

clean: ## remove what was set up and made (watchword-data stays)
	@rm -rf .venv .uv node_modules dist .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache bench/out
	@find src tests bench tools vectors -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Each mark is newer than what it was made from, so that a second run has nothing to do.
$(UV_MARK): tools/bootstrap
	@tools/bootstrap $(UV_VERSION)
	@touch $@

$(RUNTIME): $(UV_MARK) $(LOCKED)
	@$(UV) sync --quiet --locked --no-dev --inexact --python "$$(cat .uv/python)"
	@touch $@

$(DEV): $(UV_MARK) $(LOCKED)
	@$(UV) sync --quiet --locked --python "$$(cat .uv/python)"
	@touch $(RUNTIME) $@

# After this file, too, which names the packages: a machine that was set up for an older one gets what came since.
$(SYSTEM): Makefile tools/system-packages $(UV_MARK)
	@tools/system-packages chromium-headless-shell:chromium-headless-shell chromium-headless-shell:fonts-liberation \
	  openssl:openssl curl:curl jose:jose oathtool:oathtool \
	  pg_createcluster:postgresql pgbouncer:pgbouncer \
	  redis-server:redis-server redis-benchmark:redis-tools \
	  bearerbox:kannel /usr/lib/kannel/test/fakesmsc:kannel-extras nginx:nginx-light
	@touch $@

$(TSC): package.json package-lock.json $(DEV)
	@tools/node-tool npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
