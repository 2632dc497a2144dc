#!/usr/bin/env bash
# Builds the documentation as a site, target/book, and checks that every link in it leads somewhere. mdBook is built once into the
# target directory, at a pinned version.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
target=${CARGO_TARGET_DIR:-$PWD/target}
version=0.5.4
export PATH=$target/tools/bin:$PATH

if [ "$(mdbook --version 2>/dev/null)" != "mdbook v$version" ]; then
    echo "==> mdbook $version is missing: building it into $target/tools (once, a few minutes)" >&2
    cargo install mdbook --version "$version" --locked --root "$target/tools" --no-default-features --features search
fi
mdbook build --dest-dir "$target/book"
python3 scripts/book.py finish "$target/book"
