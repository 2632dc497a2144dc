# Sluicegate's commands. Each is one line here; what it does in detail is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help dev test check check-api generated fmt bench bench-peers faults soak fuzz simulate

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## build and run the server with the dashboard, the embedded store and the examples (ARGS="--listen 127.0.0.1:9000")
	@scripts/build-dashboard.sh || echo "going on without the dashboard" >&2
	cargo run --locked -- dev $(ARGS)

test: ## run every test on both databases; installs what they need
	@scripts/test.sh

check: ## format, lints, dependency policy, docs, OpenAPI lint, then every test
	@scripts/check.sh
	@scripts/test.sh

check-api: ## send generated requests to every operation of a debug build (CHECK_API_SECONDS=600)
	cargo build --locked
	@scripts/check-api.sh

generated: ## check that openapi.yaml and the event schemas are what the code says
	@scripts/test.sh is_fresh

simulate: ## run the engine in simulated worlds in which everything goes wrong (SEEDS=5000..9000, or one seed with its trace)
	SLUICEGATE_SIM_SEEDS=$(or $(SEEDS),0..3000) cargo test --locked --test it simulator::seeds_keep_the_laws -- --exact --nocapture

fmt: ## format the code
	cargo fmt --all

bench: ## measure throughput and event latency with a release build
	cargo build --release --locked
	@# Thousands of idle streams need as many open files, here and in the server.
	@ulimit -n "$$(ulimit -Hn)" && ./target/release/sluicegate bench $(ARGS)

bench-peers: ## measure the same work on other systems, side by side; installs them (ARGS="--only restate")
	cargo build --release --locked
	benches/peers/run.py $(ARGS)

faults: ## do each fault under traffic for longer (SECONDS=180 INSTANCES=3)
	@scripts/faults.sh "$(SECONDS)" "$(INSTANCES)"

soak: ## run half of the load that the machine can bear, and see whether all stays flat (MINUTES=60 DATABASES="sqlite postgres")
	@scripts/soak.sh "$(MINUTES)" "$(DATABASES)"

fuzz: ## feed every parser with what nobody would write, a minute each (SECONDS_EACH=600 TARGETS="filter cron")
	@scripts/fuzz.sh $(TARGETS)
