# The only interface: each target first sets up what it needs, once, in .venv. `make help` lists them.

.DEFAULT_GOAL := help
BIN := .venv/bin
INPUTS := pyproject.toml constraints.txt .ci/install
ARGS ?=
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=worksteal
# The figure of CI: the lines that run within the tests' own processes. It makes the tests slower by half, so nobody else has it measured.
COVERAGE := $(if $(filter true,$(CI)),$(if $(ARGS),,--cov --cov-report=))

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: .venv/.run ## serve on 127.0.0.1:8080 with config.toml; ARGS="--config other.toml"
	@exec $(BIN)/connector serve $(ARGS)

.PHONY: test
test: .venv/.dev ## all tests but the long ones, on real servers of their own, a process for each core; ARGS="-k cleanup"
	@$(BIN)/python -m tests.provision
	@$(PYTEST) -m "not slow" $(COVERAGE) $(ARGS)

.PHONY: verify
verify: .venv/.dev ## the long tests: kills, faults, every mutated request, 1,500 simulated runs; ARGS="-k torture"
	@$(BIN)/python -m tests.provision
	@$(PYTEST) -m slow $(ARGS)

.PHONY: check
check: .venv/.dev ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

.PHONY: demo
demo: .venv/.dev ## log in to a real OAuth 2.0 server, clean up, and show what is gone
	@$(BIN)/python -m tests.provision
	@$(BIN)/python -m tests.demo

.PHONY: torture
torture: .venv/.dev ## kill the server at every step and thousands of times at random; writes docs/torture.md
	@$(BIN)/python -m tests.provision
	@$(BIN)/python -m tests.torture

.PHONY: life
life: .venv/.dev ## the part of the torture about sessions: a thousand kills; ARGS="--kills 100 --seed 7"
	@$(BIN)/python -m tests.torture.life $(ARGS)

.PHONY: fleet
fleet: .venv/.dev ## let everything fail that three replicas stand on, for an hour; writes docs/fleet.md; ARGS="--minutes 10 --seed 7"
	@$(BIN)/python -m tests.provision fleet
	@$(BIN)/python -m tests.torture.fleet $(ARGS)

.PHONY: fuzz
fuzz: .venv/.dev ## send an hour of valid and invalid calls of the OpenAPI document; ARGS="--seconds 600 --seed 7"
	@$(BIN)/python -m tests.openapi.fuzz $(ARGS)

.PHONY: soak
soak: .venv/.dev ## an hour's worth of mixed traffic in minutes; writes docs/soak.md; AGAINST=FOLDER: beside another checkout
	@$(BIN)/python -m tests.soak $(if $(AGAINST),--against $(AGAINST)) $(ARGS)

.PHONY: day
day: .venv/.dev ## a day of ordinary traffic in a minute, with crashes and forgotten sessions; writes docs/day.md
	@$(BIN)/python -m tests.day

.PHONY: end-systems
end-systems: .venv/.dev ## try the bundled profiles at real systems; writes docs/end-systems.md; needs root, Python 3.11; ARGS="trac zabbix"
	@$(BIN)/python -m tests.endsystems.real_systems $(ARGS)

.PHONY: distros
distros: ## both commands of the README in bare Debians, as root; DEBIANS="trixie sid/python3.15" TESTS="test verify"
	@.ci/distros $(DEBIANS)

.PHONY: simulation
simulation: .venv/.dev ## ten thousand simulated runs of a fleet, in which nearly everything goes wrong; ARGS="--seed 7" tells one
	@$(BIN)/python -m tests.simulation.fleet $(ARGS)

.PHONY: mutants
mutants: .venv/.dev ## plant mistakes in the cache and in the life of sessions, and show what finds each
	@$(BIN)/python -m tests.simulation.mutants
	@$(BIN)/python -m tests.simulation.fleet.mutants
	@$(BIN)/python -m tests.torture.life.mutants

.PHONY: bench
bench: .venv/.dev ## measure this project beside its peers; writes docs/performance.md; AGAINST=FOLDER: beside another checkout
	@$(BIN)/python -m tests.provision
	@$(BIN)/python -m $(if $(AGAINST),bench.against $(AGAINST),bench $(if $(QUICK),--quick build/bench)) $(ARGS)

.PHONY: docs
docs: .venv/.dev ## write docs/configuration.md from the settings, docs/api.md from the docstrings, docs/doctor.md from broken installations
	@$(BIN)/python -m connector.preflight.reference > docs/configuration.md
	@$(BIN)/python -m tests.public_api > docs/api.md
	@$(BIN)/python -m tests.doctor.broken > docs/doctor.md

.PHONY: release
release: .venv/.dev ## build the wheel, try it in an empty folder, and tag the version that connector/version.py and CHANGELOG.md name
	@.ci/release

.PHONY: clean
clean: ## remove .venv and caches; data in var/ stays
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find bench connector drivers examples tests -name __pycache__ -prune -exec rm -rf {} +

# The versions installed are stamped: once, and again when what is to be installed has changed.
.venv/.run: $(INPUTS)
	@.ci/install '[memcached,otel,postgres,redis]'
	@touch $@

.venv/.dev: $(INPUTS)
	@.ci/install '[dev]'
	@touch .venv/.run $@
