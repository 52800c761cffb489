#!/usr/bin/env bash
# Runs all tests: the readers' own, then the unit and integration tests with a real Kafka beside them.
#
#   tests/run.sh [ARGUMENTS OF cargo test ...]
#
# Installs what the tests need first (tests/setup.sh). Kafka runs in a directory of its own and is stopped at the end.
# The Rust tests find it through REBATEFLOW_TEST_BROKERS, and Python with DuckDB and Polars through
# REBATEFLOW_TEST_PYTHON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${REBATEFLOW_CACHE:-$HOME/.cache/rebateflow}

"$here/setup.sh"
export REBATEFLOW_TEST_PYTHON=$cache/readers-venv/bin/python
"$REBATEFLOW_TEST_PYTHON" "$here/readers/check_test.py"

REBATEFLOW_KAFKA_DATA=$(mktemp -d)
export REBATEFLOW_KAFKA_DATA
trap '"$here/kafka.sh" wipe' EXIT
bootstrap=$("$here/kafka.sh" start)
export REBATEFLOW_TEST_BROKERS=${bootstrap#bootstrap=}

cd "$here/.."
cargo test --locked "$@"
