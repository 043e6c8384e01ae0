#!/bin/sh
# Runs the tests of the data plane under AddressSanitizer: whatever another process writes into the shared memory,
# nothing outside of it is read or written here. Needs a nightly toolchain (`rustup toolchain install nightly`), Linux.
set -eu

cd "$(dirname "$0")/.."
TOOLCHAIN="${TOOLCHAIN:-nightly}"
TARGET=$(rustc "+$TOOLCHAIN" -vV | sed -n 's/^host: //p')
# The frames of a panic are not wanted, and 256 MiB of streaming is enough in the plain run.
export RUSTFLAGS="-Zsanitizer=address"
export CARGO_TARGET_DIR="$PWD/target/asan"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1}"

cargo "+$TOOLCHAIN" test --target "$TARGET" -p plump-core \
  --test ring_hostile --test ring_order --test ring_wake --test ring_memory "$@"
