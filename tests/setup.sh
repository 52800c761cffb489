#!/usr/bin/env bash
# Installs what the tests and the benchmark need beside Rust: a C compiler, make, Java, Maven, wrk, a Python
# environment with DuckDB, Polars and deltalake, promtool, and Apache Kafka's jars. Does nothing, and quickly, when
# everything is there.
#
#   tests/setup.sh        uses apt (as root) only for what is missing
#
# Environment: REBATEFLOW_CACHE   where what is downloaded goes (default ~/.cache/rebateflow)
set -euo pipefail

cache=${REBATEFLOW_CACHE:-$HOME/.cache/rebateflow}
kafka_version=4.4.0
python_packages=(deltalake==1.6.6 duckdb==2.0.0 polars==2.1.0 pyarrow==26.0.1 confluent-kafka==2.16.1)

# A command of the system and the Debian package that has it.
missing=()
need() { command -v "$1" > /dev/null || missing+=("$2"); }
need cc build-essential
need c++ build-essential
need make make
need java default-jdk-headless
need mvn maven
need python3 python3
need wrk wrk
python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "missing: ${missing[*]}" >&2
    echo "  hint: run this script as root, or install these packages yourself" >&2
    exit 1
  fi
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

mkdir -p "$cache"
# One set-up at a time: two test runs may start together.
exec 9> "$cache/setup.lock"
flock 9

# The Python environment carries a list of what is in it; another list means it is made anew.
venv=$cache/readers-venv
wanted=$(printf '%s\n' "${python_packages[@]}")
if [ ! -f "$venv/installed" ] || [ "$(cat "$venv/installed")" != "$wanted" ]; then
  echo "installing ${python_packages[*]}"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_packages[@]}"
  echo "$wanted" > "$venv/installed"
fi

# Out of Debian's package, which is not installed: that would start a server.
if ! command -v promtool > /dev/null && [ ! -x "$cache/promtool" ]; then
  echo "fetching promtool"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if ! (cd "$work" && apt-get download -qq prometheus 2> /dev/null); then
    # The lists of packages are missing or old.
    apt-get update -qq || echo "  hint: run this script as root, or put promtool of Prometheus into PATH" >&2
    (cd "$work" && apt-get download -qq prometheus)
  fi
  dpkg-deb --extract "$work"/prometheus_*.deb "$work/package"
  cp "$work/package/usr/bin/promtool" "$cache/promtool"
  rm -rf "$work"
fi

# Kafka as a Maven dependency, with all it needs. Its description names kafka-tools-api, which is not published.
jars=$cache/kafka-$kafka_version
if [ ! -f "$jars/complete" ]; then
  echo "fetching Apache Kafka $kafka_version"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat > "$work/pom.xml" <<XML
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>rebateflow</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka_version</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion>
      </exclusions>
    </dependency>
  </dependencies>
</project>
XML
  rm -rf "$jars"
  (cd "$work" && mvn --quiet --batch-mode dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars")
  touch "$jars/complete"
fi
echo "ready: $cache"
