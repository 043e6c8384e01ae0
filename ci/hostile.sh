#!/usr/bin/env bash
# The host takes in a million frames out of rings that their worker spoils meanwhile, through the descriptors that it
# inherited: bytes, lengths, heads and tails, and it tries to cut them. Once in Rust alone, under AddressSanitizer, and once
# through the package. Needs Linux and a nightly toolchain; minutes.
#
#   ci/hostile.sh
#   PLUMP_HOSTILE_FRAMES=10000000 PLUMP_HOSTILE_SEED=7 ci/hostile.sh      more of them, other ones
set -euo pipefail
cd "$(dirname "$0")/.."

export PLUMP_HOSTILE_FRAMES=${PLUMP_HOSTILE_FRAMES:-1000000}
export PLUMP_HOSTILE_SEED=${PLUMP_HOSTILE_SEED:-1}
echo "$PLUMP_HOSTILE_FRAMES frames, seed $PLUMP_HOSTILE_SEED"

TESTS=hostile_worker ci/asan.sh spoilt_meanwhile -- --nocapture
npm run --silent build
exec node node_modules/ava/entrypoints/cli.mjs __test__/hostile-worker.test.ts --match='answers out of rings*'
