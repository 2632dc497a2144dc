#!/usr/bin/env bash
# Runs every test: the server's against both databases, then those of the SDKs and of the dashboard against the server that was
# built for them.
# Arguments go to the test runner of the server, and then nothing else runs (`scripts/test.sh floors::`). The summaries are
# the last thing printed; one that failed makes the script fail.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# rustup's default place, for shells that have not read its profile.
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

# Says how long the step before took, so that a run that became slow shows where.
began=$SECONDS
took() {
    echo "==> $1: $((SECONDS - began)) s" >&2
    began=$SECONDS
}

scripts/install-test-tools.sh
took "test tools"
if [ "$#" -eq 0 ]; then
    scripts/build-dashboard.sh
    took "dashboard build"
fi
cargo build --locked --tests
took "server build"
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
took "server tests"
[ "$#" -eq 0 ] || exit "$status"

# Both wait more than they compute.
SLUICEGATE_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/sluicegate
export SLUICEGATE_BIN
logs=$(mktemp -d)
declare -A running
for sdk in typescript python; do
    "scripts/test-sdk-$sdk.sh" >"$logs/$sdk" 2>&1 &
    running[$sdk]=$!
done
summary=()
for sdk in typescript python; do
    outcome=0
    wait "${running[$sdk]}" || outcome=$?
    if [ "$outcome" -ne 0 ]; then
        status=1
        cat "$logs/$sdk" >&2
    fi
    summary+=("$sdk SDK: $(tail -n 1 "$logs/$sdk")")
done
took "SDK tests"
if scripts/test-dashboard.sh >"$logs/dashboard" 2>&1; then
    counts=$(grep -E '^ +[0-9]+ (flaky|skipped|passed)' "$logs/dashboard" | sed 's/^ *//' | paste -sd , | sed 's/,/, /g')
    summary+=("dashboard: $counts")
    # What passed at the second try is to be mended, too.
    [ "$counts" = "${counts/flaky/}" ] || cat "$logs/dashboard" >&2
else
    status=1
    cat "$logs/dashboard" >&2
    summary+=("dashboard: failed")
fi
took "dashboard tests"
rm -rf "$logs"
printf '%s\n' "${summary[@]}" >&2
exit "$status"
