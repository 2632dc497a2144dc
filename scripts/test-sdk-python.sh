#!/usr/bin/env bash
# Checks and tests the Python SDK: format, lint, types, and its tests against the true server. Everything that is installed
# for it goes to target/. Arguments are handed to pytest: `scripts/test-sdk-python.sh -k restarts`.
#
#   SLUICEGATE_BIN   the server to test with (default: target/debug/sluicegate)
#   PYTHON           the interpreter to test with (default: python3)
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project=$root/sdk/python
venv=$root/target/sdk-python-venv
python=${PYTHON:-python3}
SLUICEGATE_BIN=$(realpath -m "${SLUICEGATE_BIN:-$root/target/debug/sluicegate}")
export SLUICEGATE_BIN

say() {
    echo "Python SDK: $*" >&2
}

install_package() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "the Debian package $1 (or its like) is missing: install it, for example: apt-get install $1"
        exit 1
    fi
    say "installing $1"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$1" >&2 || exit 1
}

[ -x "$SLUICEGATE_BIN" ] || { say "there is no server at $SLUICEGATE_BIN: run cargo build, or set SLUICEGATE_BIN"; exit 1; }
command -v "$python" >/dev/null || install_package python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { say "$python is older than 3.10"; exit 1; }
"$python" -c 'import venv, ensurepip' 2>/dev/null || install_package python3-venv
# The fault proxy of the tests and the type checker; the certificates of the tests.
command -v node >/dev/null || install_package nodejs
command -v npm >/dev/null || install_package npm
command -v openssl >/dev/null || install_package openssl

# The environment is made again when the requirements or the interpreter are others.
stamp=$("$python" -c 'import sys; print(sys.version)'; cat "$project/requirements-dev.txt")
if [ "$stamp" != "$(cat "$venv/stamp" 2>/dev/null)" ]; then
    say "making $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$project/requirements-dev.txt" || exit 1
    printf '%s\n' "$stamp" >"$venv/stamp"
fi

export PATH="$venv/bin:$PATH" PYRIGHT_PYTHON_CACHE_DIR="$root/target/pyright" PYRIGHT_PYTHON_IGNORE_WARNINGS=1
cd "$project" || exit 1

# The types are checked beside the tests: both wait a lot.
types=$(mktemp) log=$(mktemp)
trap 'rm -f "$types" "$log"' EXIT
pyright --pythonpath "$venv/bin/python" >"$types" 2>&1 &
types_pid=$!

declare -A outcomes
begun=$SECONDS
ruff format --check . && outcomes[format]=passed || outcomes[format]=FAILED
ruff check . && outcomes[lint]=passed || outcomes[lint]=FAILED
pytest --numprocesses 4 --dist worksteal "$@" | tee "$log" && outcomes[tests]=passed || outcomes[tests]=FAILED
wait "$types_pid" && outcomes[types]=passed || outcomes[types]=FAILED
cat "$types"

# The last line is the summary.
say "format ${outcomes[format]}, lint ${outcomes[lint]}, types ${outcomes[types]}, tests ${outcomes[tests]}" \
    "($(tail -n 1 "$log")), $((SECONDS - begun)) seconds in all"
[[ " ${outcomes[*]} " != *FAILED* ]]
