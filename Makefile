# SPDX-License-Identifier: MIT
# Every target sets itself up: $(VENV) is made from requirements.lock when that has changed.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
BENCH_ARGS ?=
KERNEL ?= 7.3
EQUIVALENCE_ARGS ?=
BIN := $(VENV)/bin
# They boot or build for kernels, which takes minutes: make lab-test. The lab's own do not depend on KERNEL.
BOOTING := tests/kernel tests/lab/test_boot.py tests/lab/test_lab_tests.py tests/lab/test_module_build.py
export BLKMQ_KERNEL_SOURCE ?= $(realpath .kernel-source)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run test lab-test lint docs equivalence bench bench-nbd kernel-source lock clean

help:  ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

run: $(VENV)/stamp  ## a quick tour: the drivers on every target, with a table of their speed
	.ci/peers
	$(BIN)/python -m blkmq.bench

test: $(VENV)/stamp  ## all tests but those that boot a kernel, linters included; PYTEST_ARGS="-m 'not slow'" for the quick ones
	.ci/peers
	$(BIN)/pytest -n auto $(BOOTING:%=--ignore=%) $(PYTEST_ARGS)

lab-test: $(VENV)/stamp  ## the tests that need a kernel, in a guest: KERNEL=6.12 for another one than 7.3
	.ci/packages --lab $(PYTHON)
	$(BIN)/pytest $(if $(filter 7.3,$(KERNEL)),$(BOOTING),tests/kernel) --lab-kernel $(KERNEL) $(PYTEST_ARGS)

lint: $(VENV)/stamp  ## formatter, linters, type checkers, layers
	$(BIN)/pytest tests/house $(PYTEST_ARGS)

docs: $(VENV)/stamp  ## the documentation, in build/docs
	$(BIN)/sphinx-build -W --keep-going docs build/docs

equivalence: $(VENV)/stamp  ## 20,000 random programs on all targets (takes two hours on two CPUs)
	$(BIN)/python -m blkmq.testing.random_programs --count 20000 --write docs/reference/equivalence.md $(EQUIVALENCE_ARGS)

bench: $(VENV)/stamp  ## measure at length and write docs/reference/benchmarks.md
	$(BIN)/python -m blkmq.bench --write docs/reference/benchmarks.md $(BENCH_ARGS)

bench-nbd: $(VENV)/stamp  ## measure the NBD door beside its peers (half an hour) and write docs/reference/benchmarks_nbd.md
	.ci/peers
	$(BIN)/python -m blkmq.bench --cells docs/reference/benchmarks_nbd.md $(BENCH_ARGS)

kernel-source:  ## the source of Linux 7.3, as .kernel-source: tests compare numbers and rules with it
	ln -sfn "$$($(PYTHON) tests/fetch_kernel_source.py)" .kernel-source

lock:  ## remake requirements.lock: newest versions, with hashes, for every Python and platform
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --extra lab --group dev pyproject.toml -o requirements.lock

clean:  ## remove all that was made here
	rm -rf .venv* .kernel-source .*_cache .hypothesis build dist
	find src tests docs -name __pycache__ -exec rm -rf {} +

$(VENV)/stamp: requirements.lock pyproject.toml
	@echo "setting up $(VENV), which takes a minute or two once"
	.ci/packages $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-build-isolation --no-deps -e .
	touch $@
