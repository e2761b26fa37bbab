# Every target sets up what it needs: .venv from the locked requirements, once. `make help` tells what there is.
#   make run  ARGS="summary --help"     any command of the agent
#   make test ARGS="-k fork"           any option of pytest
#   JOBS=0                             tests one after another, instead of one process for each core
#   PYTHON=/path/to/python3            the interpreter to build .venv on (3.11 or newer)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV_PYTHON := .venv/bin/python
JOBS := auto
OPENCODE_VERSIONS := 1.1.27 1.2.6 1.18.33
PROMETHEUS_VERSION := v0.316.0
JAEGER_VERSION := v1.76.0
KAFKA_VERSION := 4.4.0
CLICKHOUSE_VERSION := 26.9.0
COMPOSE_VERSION := v2.16.2
SLOW_TO_FETCH := $(addprefix .cache/,opencode collector prometheus jaeger kafka clickhouse compose)
DATA := .cache/run

# A system upgrade can remove the interpreter under .venv; its stamps would still look new.
GONE := $(if $(wildcard $(VENV_PYTHON)),,gone)

# The script looks for the best Python itself, so any that runs may start it.
BOOTSTRAP = $(or $(shell python3 -c 'print("python3")' 2>/dev/null),$(PYTHON),python3) scripts/bootstrap

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ARGS ?= demo
run: .venv/.runtime ## Run the agent: its demo, or any command: make run ARGS="summary --help"
	@$(VENV_PYTHON) -m otel_agent $(ARGS)

.PHONY: test
test: .venv/.dev ## Run every test that what is at hand allows; the rest say why they are skipped
	@$(VENV_PYTHON) -m pytest --numprocesses=$(JOBS) --dist=loadfile $(ARGS)

.PHONY: bare
bare: ## Run `make run` and `make test` as a new user of a bare Debian (needs root): ARGS="--suite trixie --keep"
	@python3 scripts/bare $(ARGS)

.PHONY: check
check: lint format types contracts test ## All of the checks, in the order of their speed

.PHONY: lint
lint: .venv/.dev ## Lint (ruff)
	@.venv/bin/ruff check

.PHONY: format
format: .venv/.dev ## Check the formatting (ruff); changes nothing
	@.venv/bin/ruff format --check

.PHONY: fmt
fmt: .venv/.dev ## Rewrite the formatting and what lint can fix by itself
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

.PHONY: types
types: .venv/.dev ## Check the types (mypy --strict)
	@.venv/bin/mypy

.PHONY: contracts
contracts: .venv/.dev ## Check who may import whom (import-linter)
	@.venv/bin/lint-imports --cache-dir .cache/import-linter

.PHONY: coverage
coverage: .venv/.dev ## Run the tests and tell which lines and branches they reach
	@.venv/bin/coverage erase
	@.venv/bin/coverage run -m pytest $(ARGS)
	@.venv/bin/coverage combine --quiet
	@.venv/bin/coverage report

.PHONY: bench
bench: .venv/.dev ## Measure the agent on made stores
	@$(VENV_PYTHON) -m benchmarks $(ARGS)

.PHONY: soak
soak: .venv/.dev ## Let the resident agent work for some minutes, and see that it does not grow: ARGS="--minutes 60"
	@$(VENV_PYTHON) -m benchmarks.soak $(ARGS)

.PHONY: fleet
fleet: .venv/.dev ## Measure a thousand agents into one gateway (needs the built Collector and Prometheus): ARGS="--kafka"
	@$(VENV_PYTHON) -m benchmarks.fleet $(ARGS)

.PHONY: kept
kept: .venv/.dev ## Measure what a day of an agent takes on Prometheus' disk (needs the built Prometheus)
	@$(VENV_PYTHON) -m benchmarks.kept $(ARGS)

.PHONY: build
build: .venv/.dev ## Build the sdist and the wheel into dist/
	@rm -rf dist
	@$(VENV_PYTHON) -m build --no-isolation

.PHONY: pictures
pictures: .venv/.dev ## Draw the pictures in docs/ anew, of a made-up history
	@$(VENV_PYTHON) -m tests.report.pictures

.PHONY: dashboards
dashboards: .venv/.dev ## Write the Grafana dashboards in collector/ anew, from their code
	@$(VENV_PYTHON) -m collector.dashboards

.PHONY: lock
lock: .venv/.dev ## Write requirements/*.txt anew from pyproject.toml; UPGRADE=1 takes the newest versions
	@scripts/lock $(if $(UPGRADE),--upgrade)

.PHONY: opencode
opencode: ## Install the real OpenCode releases that tests drive (needs npm)
	@scripts/install-opencode $(OPENCODE_VERSIONS)

.PHONY: collector-build
collector-build: ## Build the real OpenTelemetry Collector that tests drive (needs go)
	@scripts/build-collector

.PHONY: prometheus-build
prometheus-build: ## Build the real Prometheus and promtool that tests drive (needs go)
	@GO_TAGS=remove_all_sd scripts/build-programs prometheus github.com/prometheus/prometheus $(PROMETHEUS_VERSION) prometheus promtool

.PHONY: jaeger-build
jaeger-build: ## Build the real Jaeger that tests drive (needs go)
	@scripts/build-programs jaeger github.com/jaegertracing/jaeger $(JAEGER_VERSION) jaeger

.PHONY: kafka
kafka: ## Install the real Kafka that tests drive (needs java and mvn, or apt-get)
	@scripts/install-program java default-jre-headless
	@scripts/install-program mvn maven
	@scripts/install-kafka $(KAFKA_VERSION)

.PHONY: clickhouse
clickhouse: .venv/.dev ## Install ClickHouse's engine, which tests write spans into
	@scripts/install-clickhouse $(CLICKHOUSE_VERSION)

.PHONY: compose-schema
compose-schema: ## Fetch the schema that collector/compose.yaml is checked against (needs go)
	@scripts/fetch-compose-schema $(COMPOSE_VERSION)

.PHONY: collector
collector: collector-build ## Run the Collector's agent tier here, built once (needs go): OTLP on 127.0.0.1:4318
	@scripts/run-collector agent

.PHONY: team
team: collector-build prometheus-build jaeger-build ## Run a team side here, gateway, Prometheus and Jaeger, built once (needs go): OTLP on 127.0.0.1:4318
	@scripts/run-collector team

.PHONY: tmux
tmux: ## Install the terminal in which tests drive the live screen (needs apt-get)
	@scripts/install-program tmux tmux

.PHONY: systemd
systemd: ## Install what checks the systemd unit (needs apt-get)
	@scripts/install-program systemd-analyze systemd

.PHONY: clean
clean: ## Remove .venv, builds and caches; keeps what is slow to fetch or to build, and the data of `make team`
	@rm -rf .venv dist .coverage .coverage.* $(filter-out $(SLOW_TO_FETCH) $(DATA),$(wildcard .cache/*))

.PHONY: gone
gone:

.venv/.runtime: requirements/runtime.txt scripts/bootstrap $(GONE)
	@$(BOOTSTRAP) runtime

.venv/.dev: requirements/dev.txt scripts/bootstrap $(GONE)
	@$(BOOTSTRAP) dev
