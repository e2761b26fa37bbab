# Every target sets up what it needs: .venv from the locked requirements, once. `make help` shows what there is.
#   make run  ARGS="summary --help"     any command of the agent
#   make test ARGS="-k fork"           any option of pytest
#   JOBS=0                             run tests one after another, instead of one process for each core
#   PYTHON=/path/to/python3            the interpreter to build .venv on (3.11 or newer)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV_PYTHON := .venv/bin/python
JOBS := auto
AT_ONCE = --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder
REAL_PROGRAMS := $(VENV_PYTHON) scripts/real-programs
# The real programs in .cache are slow to fetch or to build, so `make clean` keeps them, and the data of `make team`.
KEPT := $(addprefix .cache/,opencode collector prometheus jaeger kafka clickhouse compose compose-load grafana-panels alertmanager kustomize custom-resources cyclonedx ansible run)

# A system upgrade can remove the interpreter under .venv; its stamps would still look new.
GONE := $(if $(wildcard $(VENV_PYTHON)),,gone)

# The script looks for the best Python itself, so any that runs may start it.
BOOTSTRAP = $(or $(shell python3 -c 'print("python3")' 2>/dev/null),$(PYTHON),python3) scripts/bootstrap

## Use

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^## / { printf "%s%s\n", between, substr($$0, 4); between = "\n" } \
	    /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ARGS ?= demo
run: .venv/.runtime ## Run the agent: its demo, or any command: make run ARGS="summary --help"
	@$(VENV_PYTHON) -m otel_agent $(ARGS)

.PHONY: collector
collector: .venv/.runtime ## Run the Collector's agent tier here, built once (needs go): OTLP on 127.0.0.1:4318
	@$(REAL_PROGRAMS) get collector >/dev/null
	@$(VENV_PYTHON) scripts/run-tier agent

.PHONY: team
team: .venv/.runtime ## Run a gateway, Prometheus, Jaeger and the dashboards here, built once (needs go): OTLP on 127.0.0.1:4318
	@$(REAL_PROGRAMS) get collector prometheus jaeger >/dev/null
	@if command -v npm >/dev/null; then $(REAL_PROGRAMS) get grafana-panels >/dev/null || true; fi
	@$(VENV_PYTHON) scripts/run-tier team

.PHONY: build
build: .venv/.dev ## Build the sdist and the wheel into dist/
	@rm -rf dist
	@$(VENV_PYTHON) -m build --no-isolation

.PHONY: release
release: .venv/.dev cyclonedx ## Build, tag and hash a release here, from a clean tree: VERSION=1.2.3; nothing is pushed
	@$(VENV_PYTHON) scripts/release "$(VERSION)"

.PHONY: clean
clean: ## Remove .venv, builds and caches; keep the real programs and the data of `make team`
	@rm -rf .venv dist .coverage .coverage.* $(filter-out $(KEPT),$(wildcard .cache/*))

## Check

.PHONY: check
check: lint format types contracts test ## Run all checks, the fast ones first

.PHONY: test
test: .venv/.dev ## Run the tests; a test of a real program that is not here says why it is skipped
	@$(VENV_PYTHON) -m pytest $(AT_ONCE) $(ARGS)

.PHONY: simulate
simulate: .venv/.dev ## Play simulated stories on the real pipeline: SEED=7 ARGS="--stories 50 --shorten"; a seed replays its story
	@$(VENV_PYTHON) -m tests.simulator stories $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: moments
moments: .venv/.dev ## Let one simulated round fail at each of its statements, files and requests, in each way (long)
	@$(VENV_PYTHON) -m tests.simulator moments --seed 0 $(ARGS)

.PHONY: storm
storm: .venv/.dev ## Kill real agents 200 times before a receiver that lies: HTTP and gRPC, cumulative and delta (long)
	@$(VENV_PYTHON) -m tests.simulator storm $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bare
bare: ## Run `make run` and `make test` as a new user of a bare Debian (needs root): ARGS="--suite trixie --keep"
	@python3 scripts/bare $(ARGS)

.PHONY: lint
lint: .venv/.dev ## Lint (ruff)
	@.venv/bin/ruff check

.PHONY: format
format: .venv/.dev ## Check the formatting (ruff); change nothing
	@.venv/bin/ruff format --check

.PHONY: fmt
fmt: .venv/.dev ## Rewrite the formatting, and whatever else the linter can fix by itself
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

.PHONY: types
types: .venv/.dev ## Check the types (mypy --strict)
	@.venv/bin/mypy

.PHONY: contracts
contracts: .venv/.dev ## Check who may import whom (import-linter)
	@.venv/bin/lint-imports --cache-dir .cache/import-linter

.PHONY: coverage
coverage: .venv/.dev ## Run the tests and report which lines and branches they do not reach
	@.venv/bin/coverage erase
	-@.venv/bin/coverage run -m pytest $(AT_ONCE) $(ARGS)
	@.venv/bin/coverage combine --quiet
	@.venv/bin/coverage report

.PHONY: mutants
mutants: .venv/.dev ## Make each mistake of a catalogue, and see whether the tests notice it: ARGS="--only series --jobs 2"
	@$(VENV_PYTHON) -m tests.mutants $(ARGS)

.PHONY: fuzz
fuzz: .venv/.dev ## Give each decoder records that nobody wrote, for a while: ARGS="--seconds 60 --only row"
	@$(VENV_PYTHON) -m tests.fuzz $(ARGS)

.PHONY: pictures
pictures: .venv/.dev ## Draw the pictures in docs/ again, of a made-up history
	@$(VENV_PYTHON) -m docs.draw

.PHONY: man
man: .venv/.dev ## Write the manual page in docs/ again, from the commands
	@$(VENV_PYTHON) -m docs.man

.PHONY: dashboards
dashboards: .venv/.dev ## Write the Grafana dashboards in collector/ again, from their code
	@$(VENV_PYTHON) -m collector.grafana.source

.PHONY: operator-rules
operator-rules: .venv/.dev ## Write the rules for Prometheus' operator in collector/ again, from Prometheus' own
	@$(VENV_PYTHON) -m collector.prometheus.operator_rules

.PHONY: dashboard-pictures
dashboard-pictures: .venv/.dev ## Draw the pictures of the dashboards again (needs prometheus-build, grafana-panels, chromium)
	@$(VENV_PYTHON) -m docs.draw_dashboards

.PHONY: lock
lock: .venv/.dev ## Write requirements/*.txt again from pyproject.toml; UPGRADE=1 takes the newest versions
	@scripts/lock $(if $(UPGRADE),--upgrade)

## Measure

.PHONY: bench
bench: .venv/.dev ## Measure the agent on made-up stores, in turn with ccusage (from npm): ARGS=--help
	@$(VENV_PYTHON) -m benchmarks $(ARGS)

.PHONY: soak
soak: .venv/.dev ## Let the resident agent work for some minutes, and check that it does not grow: ARGS="--minutes 60"
	@$(VENV_PYTHON) -m benchmarks.soak $(ARGS)

.PHONY: fleet
fleet: .venv/.dev ## Measure a thousand agents that send to one gateway (needs collector-build, prometheus-build): ARGS="--kafka"
	@$(VENV_PYTHON) -m benchmarks.fleet $(ARGS)

.PHONY: kept
kept: .venv/.dev ## Measure how much of Prometheus' disk an agent fills in a day (needs prometheus-build)
	@$(VENV_PYTHON) -m benchmarks.kept $(ARGS)

.PHONY: opencode-matrix
opencode-matrix: .venv/.dev ## Run eleven OpenCode releases beside the agent and compare every call (needs npm): ARGS="--only 1.14.48"
	@$(VENV_PYTHON) -m tests.matrix $(ARGS)

## Real programs (scripts/real-programs list shows which are here)

.PHONY: opencode
opencode: .venv/.runtime ## Install the OpenCode releases that tests drive (needs npm)
	@$(REAL_PROGRAMS) get opencode

.PHONY: opencode-releases
opencode-releases: .venv/.runtime ## Install the further OpenCode releases that `make opencode-matrix` runs (needs npm)
	@$(REAL_PROGRAMS) get opencode-releases

.PHONY: collector-build
collector-build: .venv/.runtime ## Build the OpenTelemetry Collector (needs go)
	@$(REAL_PROGRAMS) get collector

.PHONY: prometheus-build
prometheus-build: .venv/.runtime ## Build Prometheus and promtool (needs go)
	@$(REAL_PROGRAMS) get prometheus

.PHONY: jaeger-build
jaeger-build: .venv/.runtime ## Build Jaeger (needs go)
	@$(REAL_PROGRAMS) get jaeger

.PHONY: kafka
kafka: .venv/.runtime ## Install Kafka (needs java and mvn, or installs them with apt-get)
	@$(REAL_PROGRAMS) get kafka

.PHONY: clickhouse
clickhouse: .venv/.runtime ## Install ClickHouse's engine, which tests write spans into (half a gigabyte)
	@$(REAL_PROGRAMS) get clickhouse

.PHONY: cyclonedx
cyclonedx: .venv/.runtime ## Install the program that writes the bill of materials of a release
	@$(REAL_PROGRAMS) get cyclonedx

.PHONY: ansible
ansible: .venv/.runtime ## Install Ansible, in which a test runs the role of docs/rollout.md
	@$(REAL_PROGRAMS) get ansible

.PHONY: grafana-panels
grafana-panels: .venv/.runtime ## Install Grafana's panels, which draw the dashboards (needs npm; 0.6 GB)
	@$(REAL_PROGRAMS) get grafana-panels

.PHONY: compose-schema
compose-schema: .venv/.runtime ## Fetch the schema that collector/compose.yaml is checked against (needs go)
	@$(REAL_PROGRAMS) get compose-schema

.PHONY: compose-load
compose-load: .venv/.runtime ## Build what reads collector/compose.yaml as Docker Compose does (needs go)
	@$(REAL_PROGRAMS) get compose-load

.PHONY: alertmanager
alertmanager: .venv/.runtime ## Build what reads Alertmanager's configuration (needs go)
	@$(REAL_PROGRAMS) get alertmanager-config

.PHONY: kustomize
kustomize: .venv/.runtime ## Build kustomize, which renders the manifests for Kubernetes (needs go)
	@$(REAL_PROGRAMS) get kustomize

.PHONY: custom-resources
custom-resources: .venv/.runtime ## Fetch what the manifests for two operators on Kubernetes are checked against (needs go)
	@$(REAL_PROGRAMS) get custom-resources

.PHONY: tmux
tmux: .venv/.runtime ## Install the terminal in which tests drive the live screen (needs apt-get)
	@$(REAL_PROGRAMS) get tmux

.PHONY: chromium
chromium: .venv/.runtime ## Install the browser in which tests open a report (needs apt-get)
	@$(REAL_PROGRAMS) get chromium

.PHONY: systemd
systemd: .venv/.runtime ## Install systemd-analyze, which checks the systemd unit (needs apt-get)
	@$(REAL_PROGRAMS) get systemd

.PHONY: groff
groff: .venv/.runtime ## Install groff, which checks the manual page (needs apt-get)
	@$(REAL_PROGRAMS) get groff

.PHONY: zsh
zsh: .venv/.runtime ## Install zsh, in which tests press Tab (needs apt-get)
	@$(REAL_PROGRAMS) get zsh

.PHONY: fish
fish: .venv/.runtime ## Install fish, in which tests press Tab (needs apt-get)
	@$(REAL_PROGRAMS) get fish

.PHONY: gone
gone:

.venv/.runtime: requirements/runtime.txt scripts/bootstrap $(GONE)
	@$(BOOTSTRAP) runtime

.venv/.dev: requirements/dev.txt scripts/bootstrap $(GONE)
	@$(BOOTSTRAP) dev
