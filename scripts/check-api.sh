#!/usr/bin/env bash
# Sends generated requests, well-formed and broken ones, to every operation of the API's document on a server that was built, and
# fails when a reply is not what the document says: a 5xx, a status, content type, header or body that is not described.
#
#   SLUICEGATE_BIN       the server (default: target/debug/sluicegate)
#   CHECK_API_SECONDS    how long the requests go on (default: 75)
#   CHECK_API_SEED       the seed of what is generated (default: 1); a failing run says how to repeat a request by itself
#
# The tool is installed to target/schemathesis. The server runs on loopback with a database in a temporary folder; both are gone
# afterwards.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/schemathesis
wanted=schemathesis==4.32.5
SLUICEGATE_BIN=$(realpath -m "${SLUICEGATE_BIN:-$target/debug/sluicegate}")
export SLUICEGATE_BIN

[ -x "$SLUICEGATE_BIN" ] || { echo "there is no server at $SLUICEGATE_BIN: run cargo build, or set SLUICEGATE_BIN" >&2; exit 1; }
if [ "$wanted" != "$(cat "$venv/installed" 2>/dev/null)" ]; then
    echo "==> installing $wanted into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted" >&2
    # Last, so that what was interrupted is made again.
    echo "$wanted" >"$venv/installed"
fi
exec "$venv/bin/python" "$root/scripts/check_api.py" "$venv/bin/schemathesis" "$root/openapi.yaml"
