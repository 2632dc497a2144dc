#!/usr/bin/env bash
# Checks the dashboard's types and runs its tests in Chromium, against the server that SLUICEGATE_BIN names (target/debug/sluicegate
# unless said otherwise), which has to be built after scripts/build-dashboard.sh.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SLUICEGATE_BIN=$(realpath -m "${SLUICEGATE_BIN:-$root/target/debug/sluicegate}")
export SLUICEGATE_BIN
if [ ! -x "$SLUICEGATE_BIN" ]; then
    echo "dashboard: $SLUICEGATE_BIN does not exist: build the server with \`cargo build\`, or name it by SLUICEGATE_BIN" >&2
    exit 1
fi
cd "$root/dashboard"
npm run --silent check
exec npm run --silent test
