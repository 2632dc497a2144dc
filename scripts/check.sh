#!/usr/bin/env bash
# Everything a change has to pass before the tests: format, lints, dependency policy, unused dependencies, docs, the book with its
# links, the lint of the OpenAPI document, and generated requests to a server whose replies are compared with it. Missing cargo tools
# are built once into the target directory, at pinned versions.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
export PATH=$tools/bin:$PATH

step() {
    echo "==> $*" >&2
}

# Installs `cargo-<name>` when cargo does not know the subcommand yet.
need() {
    if ! "cargo-$1" --version >/dev/null 2>&1; then
        step "cargo-$1 is missing: building version $2 into $tools (once, a few minutes)"
        cargo install "cargo-$1" --version "$2" --locked --root "$tools"
    fi
}

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --locked --all-targets -- -D warnings
need deny 0.20.2
step "licences, bans and sources of dependencies"
# Those of all platforms are looked at, and the build has fetched those of this one.
cargo fetch --locked
cargo-deny --offline check bans licenses sources
need machete 0.9.2
step "unused dependencies"
cargo-machete .
step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
step "book"
scripts/build-book.sh
if [ ! -f openapi.yaml ]; then
    step "SKIPPED: there is no openapi.yaml to lint"
elif command -v npx >/dev/null; then
    step "OpenAPI document"
    npx --yes @redocly/cli@2.77.0 lint openapi.yaml
else
    step "SKIPPED: npx is not installed, so openapi.yaml is NOT linted; install Node.js to run the whole check"
fi
step "API"
cargo build --locked
scripts/check-api.sh
