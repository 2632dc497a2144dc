#!/usr/bin/env bash
# Builds the TypeScript SDK and runs its tests, against the server that SLUICEGATE_BIN names (target/debug/sluicegate unless
# said otherwise). As root on a Debian-like system missing packages are installed; otherwise they are named.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() {
    echo "sdk/typescript: $*" >&2
}

packages=()
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
{ command -v chromium || command -v google-chrome; } >/dev/null || packages+=(chromium)
if [ "${#packages[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "these Debian packages (or their like) are missing: ${packages[*]}"
        say "install them, for example: apt-get install ${packages[*]}"
        exit 1
    fi
    say "installing ${packages[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi
if [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18')" != true ]; then
    say "Node $(node --version) is too old: 18 or newer is needed"
    exit 1
fi

SLUICEGATE_BIN=$(realpath -m "${SLUICEGATE_BIN:-$root/target/debug/sluicegate}")
export SLUICEGATE_BIN
if [ ! -x "$SLUICEGATE_BIN" ]; then
    say "$SLUICEGATE_BIN does not exist: build the server with \`cargo build\`, or name it by SLUICEGATE_BIN"
    exit 1
fi

cd "$root/sdk/typescript"
# Unless what is installed is what the lockfile says.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
    npm ci --no-audit --no-fund
    cp package-lock.json node_modules/.installed-lock.json
fi
npm run --silent build

# Longest first. Each file is a process: most of the time they wait.
files=(closing stream package leases results tasks browser worker leak api protocol)
if [ "$(printf '%s\n' test/*.test.js | wc -l)" -ne "${#files[@]}" ]; then
    say "a file of test/ is missing in $0"
    exit 1
fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
printf '%s\n' "${files[@]}" |
    logs=$logs xargs -P 3 -I{} sh -c 'node --test test/{}.test.js >"$logs/{}.log" 2>&1 || { echo "failed: {}" >&2; exit 1; }' || status=1

for file in "${files[@]}"; do
    if ! grep -q '^# fail 0$' "$logs/$file.log" || ! grep -q '^# cancelled 0$' "$logs/$file.log"; then
        status=1
        echo "--- $file" >&2
        cat "$logs/$file.log" >&2
    fi
done
sum() {
    cat "$logs"/*.log | awk -v name="$1" '$1 == "#" && $2 == name && NF == 3 { n += $3 } END { print n + 0 }'
}
echo "$(sum pass) passed, $(sum fail) failed, $(sum cancelled) cancelled, $(sum skipped) skipped"
exit "$status"
