# Every target is one command of the tool; without make, `python -m groundup` does the same.
PYTHON ?= python3
PORT ?= 8000
N ?=
READY := .venv/.ready
GROUNDUP := .venv/bin/python -m groundup

.DEFAULT_GOAL := help
.PHONY: help setup serve start check diff log notebooks doctor test export run lint site bench results clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1: /p' Makefile | awk -F': ' '{ printf "make %-10s %s\n", $$1, $$2 }'

setup: $(READY) ## make the environment in .venv (every other target does it when it is needed)

serve: $(READY) ## run what has changed, build the site and serve it (PORT=8001 for another port)
	@$(GROUNDUP) serve --port $(PORT)

start: $(READY) ## make a folder to work a chapter in, work/05 (CH=5)
	@$(GROUNDUP) start $(or $(CH),$(error which chapter? make start CH=5))

check: $(READY) ## check your exercises of a chapter (CH=5), or a package of your own (CH=5 PACKAGE=my_nn)
	@$(GROUNDUP) check $(or $(CH),$(error which chapter? make check CH=5)) $(if $(PACKAGE),--package "$(PACKAGE)")

diff: $(READY) ## show what changed between two checkpoints (FROM=1 TO=2), in one part (OF=mse), or in yours (FROM=2 MINE=my_nn)
	@$(GROUNDUP) diff $(or $(FROM),$(error which checkpoints? make diff FROM=1 TO=2)) $(TO) $(OF) $(if $(MINE),--mine "$(MINE)")

log: $(READY) ## show the history of a module, class or function over the chapters (OF=mse)
	@$(GROUNDUP) log $(or $(OF),$(error of what? make log OF=mse))

notebooks: $(READY) ## write notebooks to work in into notebooks/ (N=2 for one)
	@$(GROUNDUP) notebooks $(N)

doctor: $(READY) ## look whether this computer has what the book needs
	@$(GROUNDUP) doctor

test: $(READY) ## run the tests
	@$(GROUNDUP) test

export: $(READY) ## write the checkpoints src/ch01, src/ch02, … from the chapters
	@$(GROUNDUP) export

run: $(READY) ## run the chapters that have changed (N=2 for one)
	@$(GROUNDUP) run $(N)

lint: $(READY) ## look through the chapters without running them
	@$(GROUNDUP) lint

site: $(READY) ## run what has changed and build the site into build/site
	@$(GROUNDUP) site

bench: $(READY) ## measure how fast the book itself is, against its targets
	@$(GROUNDUP) bench

results: $(READY) ## measure anew what pages show from docs/results (benchmarks/ says what it needs)
	@$(GROUNDUP) results

clean: ## remove build/, everything that can be made again
	@rm -rf build

# The stamp is written last, so that an interrupted installation is taken up again by the next target.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "$(PYTHON) is not there or older than Python 3.11: name a newer one, such as make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: apt install python3-venv), then run make again" >&2; exit 1; }
	@echo "setting up .venv: some minutes and 2 GB the first time"
	@$(PYTHON) -m venv .venv || { echo "cannot make .venv: look for room on the disk and for the right to write here, then run make again" >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' || { echo "pip could not install the book's packages: look above for why (mostly the network, or no room on the disk), then run make again" >&2; exit 1; }
	@touch $@
