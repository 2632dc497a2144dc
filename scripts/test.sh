#!/usr/bin/env bash
# Runs every test against both databases. Arguments go to the test runner (`scripts/test.sh floors::`).
# The runner's summary is the last thing printed, and its exit code is the script's.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# rustup's default place, for shells that have not read its profile.
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

scripts/install-test-tools.sh
if [ -z "${SLUICEGATE_TEST_POSTGRES_URL:-}" ]; then
    trap 'scripts/test-postgres.sh stop >/dev/null 2>&1 || true' EXIT
    SLUICEGATE_TEST_POSTGRES_URL=$(scripts/test-postgres.sh url)
    export SLUICEGATE_TEST_POSTGRES_URL
fi

status=0
if cargo nextest --version >/dev/null 2>&1; then
    profile=default
    [ -z "${CI:-}" ] || profile=ci
    cargo nextest run --locked --profile "$profile" "$@" || status=$?
else
    echo "cargo-nextest is not installed: using cargo test" >&2
    cargo test --locked --no-fail-fast "$@" || status=$?
fi
exit "$status"
