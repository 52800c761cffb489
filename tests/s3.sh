#!/usr/bin/env bash
# The tests of storage in a bucket: a build with the feature s3, a real S3-compatible server and a real Kafka.
#
#   tests/s3.sh
#
# Not a part of tests/run.sh: with the feature, Arrow and DataFusion are compiled once more, which takes as long as a
# first build. Installs moto into a Python environment of its own under REBATEFLOW_CACHE (default ~/.cache/rebateflow).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${REBATEFLOW_CACHE:-$HOME/.cache/rebateflow}
package='moto[s3,server]==5.2.5'

"$here/setup.sh" > /dev/null
venv=$cache/s3-venv
if [ "$(cat "$venv/installed" 2> /dev/null)" != "$package" ]; then
  echo "installing $package"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$package"
  echo "$package" > "$venv/installed"
fi

coproc SERVER { exec "$venv/bin/python" "$here/s3.py" rebateflow; }
server=$SERVER_PID
trap 'kill "$server" 2> /dev/null || true' EXIT
read -r AWS_ENDPOINT_URL <&"${SERVER[0]}"
export AWS_ENDPOINT_URL AWS_ALLOW_HTTP=true AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export REBATEFLOW_TEST_S3=s3://rebateflow

"$here/run.sh" --features s3 --test it bucket
