#!/usr/bin/env bash
# Everything about the TypeScript half alone: build, generated files, types, lints, tests.
#
#   ci/typescript.sh [TEST FILE…]
set -euo pipefail
cd "$(dirname "$0")/.."

npm run --silent check:drift
npm run --silent lint -- types oxlint prettier publint
exec node node_modules/ava/entrypoints/cli.mjs "$@"
