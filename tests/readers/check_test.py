#!/usr/bin/env python3
"""check.py finds what it is there to find: a data directory is made, found right, then damaged in each way."""

import datetime
import decimal
import json
import os
import shutil
import subprocess
import sys
import tempfile

import deltalake
import pyarrow
import pyarrow.parquet

HERE = os.path.dirname(os.path.abspath(__file__))
DAY = "_date=2026-11-11"
NOW = datetime.datetime(2026, 11, 11, 0, 0, 26)


def write(path, columns):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def event_columns(offsets):
    n = len(offsets)
    return {
        "movement_id": [f"s{o}" for o in offsets],
        "qty": pyarrow.array([o % 3 for o in offsets], pyarrow.int64()),
        "_op": ["insert"] * n,
        "_rest": pyarrow.array([None] * n, pyarrow.string()),
        "_topic": ["stock"] * n,
        "_partition": pyarrow.array([0] * n, pyarrow.int32()),
        "_offset": pyarrow.array(offsets, pyarrow.int64()),
        "_timestamp": pyarrow.array([NOW] * n, pyarrow.timestamp("us")),
        "_epoch": pyarrow.array([1] * n, pyarrow.int64()),
    }


def letter_columns(offsets):
    n = len(offsets)
    return {
        "key": pyarrow.array([b"k"] * n, pyarrow.binary()),
        "value": pyarrow.array([b"{"] * n, pyarrow.binary()),
        "topic": ["stock"] * n,
        "partition": pyarrow.array([0] * n, pyarrow.int32()),
        "offset": pyarrow.array(offsets, pyarrow.int64()),
        "error": ["cut"] * n,
    }


def change_columns(changes):
    """changes: (user, cents, when, change)."""
    users, cents, times, kinds = zip(*changes)
    amounts = [None if c is None else decimal.Decimal(c) / 100 for c in cents]
    return {
        "user_id": list(users),
        "balance": pyarrow.array(amounts, pyarrow.decimal128(18, 2)),
        "last_pay_time": pyarrow.array(times, pyarrow.timestamp("us")),
        "_change": list(kinds),
        "_epoch": pyarrow.array([1] * len(users), pyarrow.int64()),
        "_published_at": pyarrow.array([NOW] * len(users), pyarrow.timestamp("us")),
    }


GOOD = [
    ("u1", 100, NOW, "insert"),
    ("u1", 100, NOW, "delete"),
    ("u1", 250, NOW, "insert"),
    ("u2", None, None, "insert"),
]
EXPECTED = [
    {"user_id": "u1", "balance": "2.50", "last_pay_time": "2026-11-11 00:00:26"},
    {"user_id": "u2", "balance": None, "last_pay_time": None},
]


def add_logs(data):
    """Makes a Delta table of each dataset."""
    for folder in ("events/stock", "dead_letters", "views/balance/gen=9", "views/balance/gen=10"):
        schema = deltalake.Schema([deltalake.Field("_date", "date", nullable=True)])
        deltalake.convert_to_deltalake(f"{data}/{folder}", partition_by=schema, partition_strategy="hive")


def run(accepted=(0, 1, 3), rejected=(2,), changes=GOOD, produced=4, expected=EXPECTED, qty=None, damage=None):
    """Makes the directory and runs check.py over it; exit code and output. `damage` is done to it after the logs."""
    with tempfile.TemporaryDirectory() as top:
        half = len(accepted) // 2
        write(f"{top}/data/events/stock/{DAY}/1-1.parquet", event_columns(list(accepted)[:half]))
        write(f"{top}/data/events/stock/_date=2026-11-12/2-2.parquet", event_columns(list(accepted)[half:]))
        write(f"{top}/data/dead_letters/{DAY}/1-1.parquet", letter_columns(list(rejected)))
        write(f"{top}/data/views/balance/gen=9/{DAY}/1-1.parquet", change_columns([("old", 1, NOW, "insert")]))
        write(f"{top}/data/views/balance/gen=10/{DAY}/1-1.parquet", change_columns(changes))
        add_logs(f"{top}/data")
        if damage:
            damage(f"{top}/data")
        with open(f"{top}/produced.json", "w", encoding="utf-8") as file:
            json.dump(
                {"next_offsets": {"stock": {"0": produced}}, "accepted": {"stock": 3}, "unreadable": {"stock": 1}},
                file,
            )
        with open(f"{top}/expected.json", "w", encoding="utf-8") as file:
            json.dump(expected, file)
        with open(f"{top}/events.csv", "w", encoding="utf-8") as file:
            file.write("movement_id,qty\ns3,0\ns1,1\ns0," + str(qty or 0) + "\n")
        command = [
            sys.executable,
            f"{HERE}/check.py",
            f"{top}/data",
            "--produced",
            f"{top}/produced.json",
            "--view",
            f"balance={top}/expected.json",
            "--events",
            f"stock={top}/events.csv",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def late_letter(data):
    """A file that no log names."""
    write(f"{data}/dead_letters/{DAY}/2-2.parquet", letter_columns([4]))


def double_letter(data):
    """A log that names a file twice, the second time as a copy where no glob looks."""
    copy, folder = f"{DAY}/copy/1-1.parquet", f"{data}/dead_letters"
    os.mkdir(f"{folder}/{DAY}/copy")
    shutil.copy(f"{folder}/{DAY}/1-1.parquet", f"{folder}/{copy}")
    add = {
        "path": copy,
        "partitionValues": {"_date": DAY.split("=")[1]},
        "size": os.path.getsize(f"{folder}/{copy}"),
        "modificationTime": 0,
        "dataChange": True,
    }
    with open(f"{folder}/_delta_log/{1:020}.json", "w", encoding="utf-8") as file:
        file.write(json.dumps({"add": add}) + "\n")


def no_log(data):
    shutil.rmtree(f"{data}/events/stock/_delta_log")


def expect(name, outcome, code, *texts, readers=("duckdb", "polars")):
    found, output = outcome
    for reader in readers:
        for text in texts:
            wanted = f"DIFFERENT {reader}: {text}"
            if wanted not in output:
                sys.exit(f"{name}: no '{wanted}' in:\n{output}")
    if found != code:
        sys.exit(f"{name}: exit code {found}, expected {code}:\n{output}")
    print(f"ok {name}")


def main():
    expect("a right directory", run(), 0)
    expect(
        "a lost message",
        run(accepted=(0, 1)),
        1,
        "produced messages that are nowhere: 1 rows",
        "accepted messages of stock: found 2, expected 3",
    )
    expect("a doubled message", run(accepted=(0, 1, 3, 3)), 1, "messages that are there twice: 1 rows")
    expect(
        "accepted and rejected",
        run(rejected=(2, 3)),
        1,
        "messages that are there twice: 1 rows",
        "dead letter messages of stock: found 2, expected 1",
    )
    expect("a message from nowhere", run(produced=3), 1, "messages that nobody produced: 1 rows")
    expect(
        "a wrong amount",
        run(expected=[dict(EXPECTED[0], balance="2.51"), EXPECTED[1]]),
        1,
        "view balance: found minus expected: 2 rows",
    )
    expect("a missing row", run(expected=EXPECTED[:1]), 1, "view balance: found minus expected: 1 rows")
    expect("a row too few", run(expected=EXPECTED + [EXPECTED[1]]), 1, "view balance: found minus expected: 1 rows")
    expect(
        "a negative row",
        run(changes=GOOD + [("u3", 5, NOW, "delete")]),
        1,
        "view balance: rows with a negative weight: 1 rows",
    )
    delta = ("deltalake", "polars delta")
    expect(
        "a file that no Delta log names",
        run(damage=late_letter, produced=5),
        1,
        "dead_letters: rows of files only: 1 rows",
        readers=delta,
    )
    expect(
        "a Delta log that doubles a file",
        run(damage=double_letter),
        1,
        "dead_letters: rows that no file has: 1 rows",
        readers=delta,
    )
    expect("no Delta log", run(damage=no_log), 1, "events/stock: entries of the Delta log", readers=delta[:1])
    expect("a wrong event", run(qty=7), 1, "events of stock: found minus expected: 2 rows")


if __name__ == "__main__":
    main()
