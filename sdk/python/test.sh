#!/usr/bin/env bash
# Tests of the Python package, in a virtual environment under .dev/python: types, unit tests, and with
# TOLLBOOK_TEST_INTEGRATION=1 also those against a real Tollbook and chain, which fail when something is missing.
# Those read TOLLBOOK_URL, TOLLBOOK_GATEWAY_URL and so on from the environment, or from .dev/env (./dev up --detach);
# see tests/integration/README.md. Arguments go to pytest.
set -euo pipefail
cd -P "$(dirname "$0")"
HERE=$PWD
ROOT=$(cd ../.. && pwd -P)
VENV=$ROOT/.dev/python
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

if [ "${TOLLBOOK_TEST_INTEGRATION:-}" = 1 ] && [ -z "${TOLLBOOK_URL:-}" ] && [ -s "$ROOT/.dev/env" ]; then
  set -a
  # shellcheck source=/dev/null
  . "$ROOT/.dev/env"
  set +a
fi

if [ ! -x "$VENV/bin/python" ]; then
  mkdir -p "$ROOT/.dev"
  python3 -m venv "$VENV"
fi
if ! cmp -s requirements-test.txt "$VENV/requirements"; then
  "$VENV/bin/pip" install --quiet --requirement requirements-test.txt
  cp requirements-test.txt "$VENV/requirements"
fi

# What is tested is the package as it is installed, built apart so that nothing is left behind here.
BUILD=$VENV/package
rm -rf "$BUILD"
mkdir "$BUILD"
cp -R pyproject.toml README.md src "$BUILD"
"$VENV/bin/pip" install --quiet --no-deps --no-build-isolation --force-reinstall "$BUILD"

"$VENV/bin/python" tools/unasync.py --check
"$VENV/bin/mypy"
"$VENV/bin/mypy" --no-incremental examples/fastapi_paid/app.py examples/fastapi_paid/pay.py
"$VENV/bin/pytest" "$HERE/tests/unit" "$@"
if [ "${TOLLBOOK_TEST_INTEGRATION:-}" = 1 ]; then
  "$VENV/bin/pytest" "$HERE/tests/integration" "$@"
fi
