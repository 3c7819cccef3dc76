# Every target is one command you could type yourself. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test check bench soak format new-vendor bridge-file lock browser assets audit sbom clean

export MAKE_GOAL := $(firstword $(MAKECMDGOALS))
export PYTHON
# Without byte code on disk every process would compile all it imports again: ten seconds each.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The stamps make the second run instant; a changed lock or project file refreshes.
.venv/.runtime: requirements.lock pyproject.toml tools/setup
	@tools/setup runtime
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml tools/setup
	@tools/setup dev
	@touch $@ .venv/.runtime

run: .venv/.runtime ## everything on this machine, with the sandbox connected
	@exec $(BIN)/bridgehead run --sandbox $(ARGS)

test: .venv/.dev ## the whole test suite; says what it skipped and why
	@exec $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -rs $(ARGS)

check: .venv/.dev ## format, lint, types, import contracts, quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto -m "not slow and not browser" $(ARGS)

bench: .venv/.dev ## the performance bars, ours beside a baseline (ARGS: names of programs)
	@$(BIN)/python -m bench $(ARGS)

soak: .venv/.dev ## long runs with faults: real processes, killed at random (ARGS: names of programs)
	@$(BIN)/python -m soak $(ARGS)

format: .venv/.dev ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

new-vendor: .venv/.dev ## start a vendor from the skeleton: NAME=acme_shield
	@$(BIN)/python -m tools.new_vendor $(NAME)

bridge-file: .venv/.dev ## the bridge program as one file of pure Python, in dist/
	@$(BIN)/python -m tools.bridge_file

lock: ## lock the dependencies anew (ARGS=--upgrade for newer ones); needs uv
	tools/lock $(ARGS)

browser: ## install Debian's Chromium, Firefox and WebKitGTK for the browser tests
	@tools/browser

assets: ## fetch the vendored assets anew (needs npm), rebuild sprite, theme and checksums
	python3 tools/refresh_assets.py $(ARGS)

audit: .venv/.runtime ## known flaws in the locked dependencies; says "no source" when nobody can be asked
	@tools/audit

sbom: .venv/.runtime ## the list of what is inside, from the lock, in dist/
	@tools/sbom

clean: ## remove the environment and caches; data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
