#!/usr/bin/env bash
# Runs all tests: the readers' own, those of the alarms, then the unit and integration tests with a real Kafka beside
# them.
#
#   tests/run.sh [ARGUMENTS OF cargo test ...]
#
# Installs what the tests need first (tests/setup.sh). Kafka runs in a directory of its own and is stopped at the end.
# The Rust tests find it through REBATEFLOW_TEST_BROKERS, and Python with DuckDB and Polars through
# REBATEFLOW_TEST_PYTHON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${REBATEFLOW_CACHE:-$HOME/.cache/rebateflow}
if ! command -v cargo > /dev/null; then
  echo "cargo is missing" >&2
  echo "  hint: install Rust with rustup, and open a new shell" >&2
  exit 1
fi

"$here/setup.sh"
export REBATEFLOW_TEST_PYTHON=$cache/readers-venv/bin/python
"$REBATEFLOW_TEST_PYTHON" "$here/readers/check_test.py"
promtool=$(command -v promtool || echo "$cache/promtool")
"$promtool" check config "$here/../docker/prometheus.yml"
"$promtool" test rules "$here/alarms.yml"

cd "$here/.."
# Two versions of these in one binary would be two kinds of record batches that do not fit each other.
if cargo tree --locked -d --depth 0 | grep -E '^(arrow|parquet|object_store|datafusion)'; then
  echo "these crates are there in more than one version" >&2
  exit 1
fi
# Compiled first: Kafka would only take memory and cores from the compiler.
cargo test --locked --no-run "$@"

unset REBATEFLOW_SKIP_KAFKA REBATEFLOW_KAFKA_PORT
REBATEFLOW_KAFKA_DATA=$(mktemp -d)
export REBATEFLOW_KAFKA_DATA
trap '"$here/kafka.sh" wipe > /dev/null; rm -rf "$REBATEFLOW_KAFKA_DATA"' EXIT
bootstrap=$("$here/kafka.sh" start)
export REBATEFLOW_TEST_BROKERS=${bootstrap#bootstrap=}

cargo test --locked "$@"
