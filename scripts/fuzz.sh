#!/usr/bin/env bash
# Feeds every parser with what nobody would write: `scripts/fuzz.sh [target ...]`, all of them if none is named.
#
# SECONDS_EACH (60) is how long each target runs. What was found interesting stays in target/fuzz/corpus, so that the next run
# goes on from there; an input that fails is written to target/fuzz/failures, and the script says how to run it again.
#
# The compiler's coverage flags are unstable; RUSTC_BOOTSTRAP lets the stable one take them, so that no second toolchain is
# needed. Without a sanitizer: the crate has no unsafe code.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
target=${CARGO_TARGET_DIR:-$PWD/target}
export PATH=$target/tools/bin:$PATH RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$target/fuzz
seconds=${SECONDS_EACH:-60}

if ! cargo-fuzz --version >/dev/null 2>&1; then
    echo "==> building cargo-fuzz into $target/tools (once)" >&2
    CARGO_TARGET_DIR=$target cargo install cargo-fuzz --version 0.13.2 --locked --root "$target/tools"
fi
if [ "$#" -eq 0 ]; then
    mapfile -t targets < <(cd fuzz/fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')
    set -- "${targets[@]}"
fi
for name in "$@"; do
    cargo fuzz build --sanitizer none "$name"
done
failed=()
for name in "$@"; do
    corpus=$CARGO_TARGET_DIR/corpus/$name
    failures=$CARGO_TARGET_DIR/failures/$name/
    mkdir -p "$corpus" "$failures"
    echo "==> $name, $seconds s" >&2
    if ! cargo fuzz run --sanitizer none "$name" "$corpus" -- -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="$failures" -print_final_stats=1 2>"$CARGO_TARGET_DIR/$name.log"; then
        failed+=("$name")
        grep -A 20 "panicked at\|ERROR: libFuzzer" "$CARGO_TARGET_DIR/$name.log" | head -n 30 >&2 || true
        echo "again: $0 $name with the file below $failures" >&2
    fi
    grep "stat::number_of_executed_units\|stat::average_exec_per_sec\|stat::new_units_added" "$CARGO_TARGET_DIR/$name.log" >&2 || true
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "FAILED: ${failed[*]}" >&2
    exit 1
fi
