#!/usr/bin/env bash
# Everything about the Rust half alone: format, lints, tests.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- --deny warnings
cargo test --locked --workspace --no-fail-fast
