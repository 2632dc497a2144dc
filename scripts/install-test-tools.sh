#!/usr/bin/env bash
# Makes sure that everything the tests need is on this machine, and says what it does. As root on a Debian-like system
# missing packages are installed; otherwise they are named and the script fails. Rust itself is the one thing it does
# not install. The Python packages of tests/requirements.txt go to target/test-python.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() {
    echo "test tools: $*" >&2
}

if ! command -v cargo >/dev/null; then
    say "cargo is missing: install Rust (https://rustup.rs), at least the rust-version in Cargo.toml"
    exit 1
fi

# The C compiler builds SQLite and aws-lc; setpriv, setsid and flock (util-linux) run the test cluster; the reviewer's page is
# looked at by Chromium; the runner's workers run in bubblewrap with the system's Python, and their example calls curl; networks are cut with ip; the SDKs are tested with Node and Python (a certificate of their tests is made by openssl).
packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
{ command -v setpriv && command -v setsid && command -v flock; } >/dev/null || packages+=(util-linux)
"$root/scripts/test-postgres.sh" binaries >/dev/null 2>&1 || packages+=(postgresql)
{ command -v chromium || command -v google-chrome; } >/dev/null || packages+=(chromium)
command -v chromedriver >/dev/null || packages+=(chromium-driver)
command -v ip >/dev/null || packages+=(iproute2)
command -v bwrap >/dev/null || packages+=(bubblewrap)
command -v curl >/dev/null || packages+=(curl)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
command -v openssl >/dev/null || packages+=(openssl)
{ command -v python3 && [ -x /usr/bin/python3 ]; } >/dev/null || packages+=(python3)
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)

# The interpreter that tests compare with: made again when the requirements change or it no longer starts.
make_test_python() {
    local venv=${CARGO_TARGET_DIR:-$root/target}/test-python
    if cmp -s "$root/tests/requirements.txt" "$venv/requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
        return
    fi
    say "making $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/tests/requirements.txt" >&2
    # Last, so that what was interrupted is made again.
    cp "$root/tests/requirements.txt" "$venv/requirements.txt"
}

# What tests speak with: a folder with its lock file, and what it is.
install_peer() {
    cd "$root/$1"
    if cmp -s package-lock.json node_modules/.installed-lock.json; then
        return
    fi
    say "installing $2"
    npm ci --no-audit --no-fund >&2
    cp package-lock.json node_modules/.installed-lock.json
}

install_peers() {
    install_peer tests/mcp "a Model Context Protocol server"
    install_peer tests/oidc "an OpenID Connect provider"
}

if [ "${#packages[@]}" -eq 0 ]; then
    make_test_python
    install_peers
    exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "these Debian packages (or their like) are missing: ${packages[*]}"
    say "install them, for example: apt-get install ${packages[*]}"
    exit 1
fi

say "installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
# The tests start their own cluster; a system-wide one from the package would only occupy the machine.
no_cluster=/etc/postgresql-common/createcluster.d/sluicegate-tests.conf
mkdir -p "$(dirname "$no_cluster")"
echo "create_main_cluster = false" >"$no_cluster"
trap 'rm -f "$no_cluster"; rmdir "$(dirname "$no_cluster")" 2>/dev/null || true' EXIT
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
"$root/scripts/test-postgres.sh" binaries >/dev/null
make_test_python
install_peers
say "done"
