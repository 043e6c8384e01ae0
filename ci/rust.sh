#!/usr/bin/env bash
# Everything about the Rust half alone: format, lints, tests.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- --deny warnings
cargo test --locked --workspace --no-fail-fast
# Every benchmark once, so that none of them rots.
cargo test --locked --package plump-core --benches
