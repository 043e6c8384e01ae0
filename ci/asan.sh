#!/bin/sh
# Runs the tests of the data plane under AddressSanitizer: whatever another process writes into the shared memory,
# nothing outside of it is read or written here. Needs a nightly toolchain (`rustup toolchain install nightly`), Linux.
#
#   ci/asan.sh [WORD…]                     words as `cargo test` takes them
#   TESTS='port frames' ci/asan.sh         other files of crates/plump-core/tests
set -eu

cd "$(dirname "$0")/.."
TOOLCHAIN="${TOOLCHAIN:-nightly}"
TARGET=$(rustc "+$TOOLCHAIN" -vV | sed -n 's/^host: //p')
TESTS="${TESTS:-ring_hostile ring_order ring_wake ring_memory blocks frames port hostile_worker}"
export RUSTFLAGS="-Zsanitizer=address"
export CARGO_TARGET_DIR="$PWD/target/asan"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1}"

# shellcheck disable=SC2086
cargo "+$TOOLCHAIN" test --target "$TARGET" -p plump-core $(printf -- '--test %s ' $TESTS) "$@"
