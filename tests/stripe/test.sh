#!/usr/bin/env bash
# Tests of `tollbook demo stripe` with Stripe's own client for Node, as it is. TOLLBOOK_BIN names the tollbook to test;
# without it the one that was built last in target/. Arguments go to node's test runner.
set -euo pipefail
cd -P "$(dirname "$0")"

if [ -z "${TOLLBOOK_BIN:-}" ]; then
  for TOLLBOOK_BIN in ../../target/release/tollbook ../../target/debug/tollbook; do
    [ ! -x "$TOLLBOOK_BIN" ] || break
  done
fi
[ -x "$TOLLBOOK_BIN" ] || { echo "There is no tollbook to test: set TOLLBOOK_BIN, or build it." >&2; exit 1; }
export TOLLBOOK_BIN

# npm dates its own list when it is done.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci
node --test --test-reporter=spec "$@" ./*.test.mjs
