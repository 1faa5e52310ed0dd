#!/usr/bin/env bash
# Builds the packages and runs their tests: unit tests always, integration tests when a Tollbook with gateway and chain
# is there (./dev up --detach), named by the environment or by .dev/env. With TOLLBOOK_TEST_INTEGRATION=1 nothing is
# skipped: what is missing fails. TOLLBOOK_TEST_REQUESTS: requests in a row with the stock x402 client, 1000 when left out.
set -euo pipefail
cd -P "$(dirname "$0")"

if [ -z "${TOLLBOOK_URL:-}" ] && [ -s ../../.dev/env ]; then
  set -a
  # shellcheck source=/dev/null
  . ../../.dev/env
  set +a
fi

# npm dates its own list when it is done.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci
node_modules/.bin/tsc -b
[ ! -f openapi.json ] || node tools/generate.mjs --check
node --test --test-reporter=spec tests/build/unit/*.test.js

ready() { node -e 'fetch(process.argv[1] + "/readyz").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$1"; }

if [ "${TOLLBOOK_TEST_INTEGRATION:-}" != 1 ] && ! { [ -n "${TOLLBOOK_GATEWAY_URL:-}" ] && ready "${TOLLBOOK_URL:-}"; }; then
  echo "No Tollbook is up here: its integration tests are skipped (./dev up --detach)."
  exit 0
fi
# One file at a time: they share a chain, and a small machine.
node --test --test-concurrency=1 --test-reporter=spec tests/build/*.test.js
