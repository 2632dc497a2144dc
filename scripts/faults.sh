#!/usr/bin/env bash
# Does each fault again and again, one after the other, for this many seconds (180) with this many servers on a database (3).
# As root: networks are cut in namespaces, and a small disk is mounted.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export SLUICEGATE_TEST_FAULT_SECONDS=${1:-180} SLUICEGATE_TEST_INSTANCES=${2:-3}
# In the neighbourhood of what the suite does elsewhere: servers that are killed and stopped in turn.
export SLUICEGATE_TEST_FAULTS=$((SLUICEGATE_TEST_FAULT_SECONDS / 4))

scripts/install-test-tools.sh
trap 'scripts/test-postgres.sh stop >/dev/null 2>&1 || true' EXIT
SLUICEGATE_TEST_POSTGRES_URL=$(scripts/test-postgres.sh url)
export SLUICEGATE_TEST_POSTGRES_URL
cargo test --locked --test it -- --nocapture --test-threads 1 faults:: cluster::servers_that_die_and_freeze
