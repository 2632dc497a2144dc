#!/usr/bin/env bash
# Builds the dashboard into web/bundle, from where the next build of the server takes it, unless what is there is as new as its
# sources. Without Node it says so and fails; the server can be built without it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root/dashboard"

say() {
    echo "dashboard: $*" >&2
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "Node is missing: install Node 20.19 or newer to build the dashboard"
    exit 1
fi
if [ "$(node -p 'const [a, b] = process.versions.node.split(".").map(Number); a > 20 || (a === 20 && b >= 19)')" != true ]; then
    say "Node $(node --version) is too old: 20.19 or newer is needed to build the dashboard"
    exit 1
fi
# Unless what is installed is what the lockfile says.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
    say "installing packages"
    npm ci --no-audit --no-fund >&2
    cp package-lock.json node_modules/.installed-lock.json
fi
bundle=$root/web/bundle/index.html
sources=(src public index.html vite.config.ts package-lock.json ../sdk/typescript/src)
if [ -f "$bundle" ] && [ -z "$(find "${sources[@]}" -newer "$bundle" -print -quit)" ]; then
    exit 0
fi
say "building"
npm run --silent build -- --logLevel warn >&2
