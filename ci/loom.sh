#!/bin/sh
# Runs the ring's own source through every interleaving of two threads (loom), then shows that this can fail: each
# patch of crates/plump-core/tests/patches seeds one bug in a temporary copy, in which loom must find it.
#
#   ci/loom.sh              at most 3 preemptions, seconds after the build
#   LOOM_MAX_PREEMPTIONS= ci/loom.sh      all there are, minutes
set -eu

cd "$(dirname "$0")/.."
LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS-3}"
if [ -n "$LOOM_MAX_PREEMPTIONS" ]; then
  export LOOM_MAX_PREEMPTIONS
else
  unset LOOM_MAX_PREEMPTIONS
fi
# Loom replaces the atomics by `--cfg loom`, so nothing that is built here can be shared with other builds.
export RUSTFLAGS="--cfg loom"
export CARGO_TARGET_DIR="$PWD/target/loom"
# The link-time optimisation of a release would take longer than all models together.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

models() {
  cargo test --quiet --release -p plump-core --test ring_loom
}

echo 'loom: the ring as it is'
models

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' HUP INT TERM
for bug in crates/plump-core/tests/patches/ring_*.patch; do
  rm -rf "${copy:?}"/*
  mkdir "$copy/crates"
  cp Cargo.toml Cargo.lock "$copy"
  cp -R crates/plump-core crates/plump-node "$copy/crates"
  patch --quiet --strip 1 --directory "$copy" <"$bug"
  echo "loom: must fail with $(basename "$bug" .patch)"
  # A bug that does not build would be found by nobody.
  (cd "$copy" && cargo test --quiet --release -p plump-core --test ring_loom --no-run)
  if (cd "$copy" && models) >"$copy/output" 2>&1; then
    cat "$copy/output"
    echo "loom: the seeded bug $bug was not found" >&2
    exit 1
  fi
  grep -E -m 1 'deadlock|Causality violation|was not woken' "$copy/output" || {
    cat "$copy/output"
    echo "loom: $bug failed for another reason than the bug" >&2
    exit 1
  }
done
echo 'loom: every seeded bug was found'
