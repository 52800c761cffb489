#!/usr/bin/env bash
# A real Apache Kafka: one node, broker and controller in one process, without ZooKeeper.
#
#   tests/kafka.sh start     starts it and prints bootstrap=127.0.0.1:PORT (also when it is already up)
#   tests/kafka.sh stop      stops it; its data stays
#   tests/kafka.sh status    prints bootstrap=... and exits 0 when it is up, else exits 1
#   tests/kafka.sh wipe      stops it and removes its data
#
# Environment: REBATEFLOW_KAFKA_DATA   data directory (default: kafka in the cache directory); one node for each
#              REBATEFLOW_KAFKA_PORT   port (default: a free one, kept for the life of the data)
#              REBATEFLOW_CACHE        cache directory with the jars (default ~/.cache/rebateflow), see setup.sh
# Topics are not created by themselves; clients create them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${REBATEFLOW_CACHE:-$HOME/.cache/rebateflow}
jars=$cache/kafka-4.4.0 # the version that setup.sh fetches
data=${REBATEFLOW_KAFKA_DATA:-$cache/kafka}
[[ $data = /* ]] || data=$PWD/$data
start_seconds_max=60
stop_seconds_max=30

fail() { echo "$*" >&2; exit 1; }
port() { cat "$data/port"; }

# Our own process only: the number must be alive and carry our data directory in its command line.
alive() {
  [ -f "$data/pid" ] || return 1
  tr '\0' ' ' < "/proc/$(cat "$data/pid")/cmdline" 2> /dev/null | grep -qF " $data/server.properties"
}

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Two ports next to each other on which nobody listens, below the range that outgoing connections take theirs from.
free_port() {
  local candidate
  for _ in $(seq 100); do
    candidate=$((20000 + RANDOM % 12000))
    if ! answers "$candidate" && ! answers $((candidate + 1)); then
      echo "$candidate"
      return
    fi
  done
  fail "no free port found"
}

configure() {
  mkdir -p "$data"
  [ -z "${REBATEFLOW_KAFKA_PORT:-}" ] || echo "$REBATEFLOW_KAFKA_PORT" > "$data/port"
  # A port that somebody else has taken meanwhile is replaced, unless it was asked for.
  if [ ! -f "$data/port" ] || { [ -z "${REBATEFLOW_KAFKA_PORT:-}" ] && answers "$(port)"; }; then
    free_port > "$data/port"
  fi
  local client controller
  client=$(port)
  controller=$((client + 1))
  cat > "$data/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$client,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$client
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$data/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
log.retention.hours=-1
P
}

format() {
  [ ! -f "$data/log/meta.properties" ] || return 0
  local cluster
  # 16 random bytes in the base64 for file names, without padding: 22 characters, none of them a leading dash.
  cluster=A$(head -c 16 /dev/urandom | base64 | tr '+/' '__' | cut -c2-22)
  java -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool format -t "$cluster" \
    -c "$data/server.properties" > "$data/format.log" 2>&1 || fail "cannot format: $(tail -n 5 "$data/format.log")"
}

start() {
  if alive; then
    echo "bootstrap=127.0.0.1:$(port)"
    return
  fi
  [ -f "$jars/complete" ] || "$here/setup.sh" >&2
  configure
  format
  # A session of its own, so that an interrupt of the caller's terminal does not reach it.
  setsid java -Xms512m -Xmx1g -XX:+UseG1GC -cp "$jars/*" kafka.Kafka "$data/server.properties" \
    > "$data/server.log" 2>&1 < /dev/null &
  echo $! > "$data/pid"
  local waited=0
  until answers "$(port)"; do
    alive || [ "$waited" -lt 5 ] || fail "Kafka ended at once: $(tail -n 5 "$data/server.log")"
    [ "$waited" -lt $((start_seconds_max * 10)) ] \
      || fail "Kafka does not answer after $start_seconds_max s, see $data/server.log"
    sleep 0.1
    waited=$((waited + 1))
  done
  echo "bootstrap=127.0.0.1:$(port)"
}

stop() {
  if alive; then
    local pid waited=0
    pid=$(cat "$data/pid")
    kill "$pid"
    while alive; do
      [ "$waited" -lt $((stop_seconds_max * 10)) ] || { kill -9 "$pid"; break; }
      sleep 0.1
      waited=$((waited + 1))
    done
  fi
  rm -f "$data/pid"
}

case "${1:-}" in
  start) start ;;
  stop) stop; echo "stopped" ;;
  status) if alive && answers "$(port)"; then echo "bootstrap=127.0.0.1:$(port)"; else echo "down"; exit 1; fi ;;
  # Only a directory that this script has made.
  wipe) stop; if [ -f "$data/server.properties" ]; then rm -rf "$data"; fi; echo "wiped" ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
