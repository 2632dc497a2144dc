#!/usr/bin/env bash
# Half of the load that the machine can bear, on a release build, for this many minutes (60) on each of these databases
# ("sqlite postgres"). Fails when memory, open files, the log, dead rows or latencies are not flat; the samples are in
# target/soak. SLUICEGATE_BIN names another build of the server.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export SLUICEGATE_TEST_SOAK_MINUTES=${1:-60}
databases=${2:-sqlite postgres}

scripts/install-test-tools.sh
if [ -z "${SLUICEGATE_BIN:-}" ]; then
    cargo build --release --locked
    export SLUICEGATE_BIN=${CARGO_TARGET_DIR:-$PWD/target}/release/sluicegate
fi
for database in $databases; do
    cargo test --locked --test it -- --ignored --exact --nocapture "faults::soak::soak_on_$database"
done
