# What a newcomer and a CI server call. `make help` lists the targets.
#
# One debug build serves all of them: SwiftPM builds anew whatever is built with other flags, so
# every build here goes through $(BUILD).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

# A sibling target that is imported and not declared builds by accident of order: refuse it.
BUILD := scripts/quietly build swift build --explicit-target-dependency-import-check error
LOGS := .build/logs
SHELL_SCRIPTS := $(shell grep -lE '^\#!.*sh$$' scripts/* .ci/run) examples/service/control.sh

.PHONY: help setup build build-tests test watchdog-test unit-tests simulation-tests server-tests system-tests differential-sample differential fuzz benchmark demo simulate mutants format check lint clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and testing need (Debian, Ubuntu); a no-op when it is there.
	@scripts/setup

build: ## Build sluice and pingd, into .build/debug.
	@$(BUILD) --product pingd
	@$(BUILD) --product sluice

build-tests:
	@$(BUILD) --build-tests

test: setup check watchdog-test unit-tests differential-sample simulation-tests server-tests system-tests ## Check, then all tests; the last lines are the results.
	@grep -h SKIPPED $(LOGS)/differential.log || :
	@grep -h 'Test run with' $(LOGS)/unit-tests.log $(LOGS)/simulation-tests.log \
	    $(LOGS)/server-tests.log $(LOGS)/server-tests-openssh.log \
	    $(LOGS)/system-tests-unmeasured.log $(LOGS)/system-tests.log

# A limit, in seconds, is several times what a suite takes on two quiet cores.
watchdog-test: build-tests ## Try the watchdog of the suites on suites that hang, or leave something.
	@echo '== watchdog'
	@scripts/test-watchdog

unit-tests: build-tests ## The tests of values and of single parts.
	@scripts/run-tests unit-tests 400 --skip '^(SystemTests|SluiceFleetTests|SluiceSSHTests|SluiceHTTPTests|SluiceSimulationTests)\.'

# On their own: they take every thread for seconds, and the others have deadlines.
simulation-tests: build-tests ## Some thousand rollouts in virtual time, with faults.
	@scripts/run-tests simulation-tests 300 --filter SluiceSimulationTests

# One at a time, these and the next: what runs beside would be measured too.
server-tests: build-tests ## The tests against real sshd, the demo service and HAProxy.
	@scripts/run-tests server-tests 1200 --no-parallel --filter 'SluiceFleetTests|SluiceSSHTests|SluiceHTTPTests'
	@SLUICE_TEST_TRANSPORT=openssh scripts/run-tests server-tests-openssh 200 --no-parallel \
	    --filter 'SluiceSSHTests.*LiveTests/(CommandTests|TransferTests)'

system-tests: build-tests ## The tests of whole rollouts on a fleet, most of them under load.
	@SLUICE_FLEETS_AT_ONCE=3 scripts/run-tests system-tests-unmeasured 400 \
	    --filter '^SystemTests\.UnmeasuredTests'
	@scripts/run-tests system-tests 2700 --no-parallel --filter '^SystemTests\.' --skip UnmeasuredTests

# Fresh inventories each time, and nothing but a reason where the package index can't be reached.
differential-sample: build-tests
	@scripts/watchdog differential --limit 900 -- scripts/differential 150

differential: build-tests ## Hold 20,000 random inventories against ansible-core; DIFFERENTIAL: COUNT [SEED].
	@scripts/differential $(DIFFERENTIAL)

fuzz: ## Fuzz the readers of inventories, playbooks and ssh's configuration, 10 million inputs each; FUZZ_RUNS for another number.
	@scripts/fuzz Inventory $(FUZZ_RUNS)
	@scripts/fuzz Playbook $(FUZZ_RUNS)
	@scripts/fuzz SSHConfiguration $(FUZZ_RUNS)

benchmark: ## Inventories, plans and a simulated rollout of up to 10,000 hosts, in release mode, beside Ansible.
	@Benchmarks/inventory
	@Benchmarks/plan

simulate: ## Simulate 100,000 rollouts with faults, in release mode; SIMULATE_FLAGS: see scripts/simulate.
	@scripts/simulate $(SIMULATE_FLAGS)

mutants: ## Break each safety rule in the engine, and see the simulation notice.
	@scripts/mutants

demo: setup build ## Roll a release over four local nodes behind HAProxy, under load; DEMO_FLAGS: see sluice-demo --help.
	@$(BUILD) --product sluice-demo
	@.build/debug/sluice-demo $(DEMO_FLAGS)

format: ## Format all Swift sources in place.
	@swift format format --in-place --recursive Sources Tests Package.swift

check: lint build-tests ## Formatting, shell scripts, imports, and no warning anywhere.

lint:
	@echo '== lint'
	@swift format lint --strict --recursive Sources Tests Package.swift
	@if grep -rnE '(^|[^A-Za-z.])(Foundation\.)?Process\(\)' --include=*.swift Sources Tests; then \
	    echo 'Foundation loses the end of a process when others start at once: use SluicePrograms'; exit 1; fi
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS); \
	    else echo 'shellcheck is not installed: shell scripts are not checked'; fi
	@if command -v git >/dev/null; then scripts/mutants --fit; \
	    else echo 'git is not installed: whether the mutants fit is not checked'; fi

clean: ## Remove everything that was built.
	@rm -rf .build
