#!/usr/bin/env python3
"""Reads the events of a table again and again while they are written, until the file STOP is there.

    watch.py FOLDER STOP [--dropping]

FOLDER is the folder of the dataset. It is read by a glob with DuckDB, and as a Delta table with deltalake. Whatever is
seen must be all rows up to some epoch, each once, and never less than before. Exits with 1 otherwise.

--dropping  files go from the first one on, and every message became a row: the rows of each partition have no hole, and
            no first row comes back. A glob whose file goes before it is opened is read again, once.
"""

import glob
import os
import sys

import deltalake
import duckdb

COLUMNS = ["_partition", "_offset", "_epoch"]


def by_glob(folder):
    if not glob.glob(f"{folder}/_date=*/*.parquet"):
        return []
    return duckdb.sql(f"SELECT {', '.join(COLUMNS)} FROM '{folder}/_date=*/*.parquet'").fetchall()


def by_glob_again(folder):
    try:
        return by_glob(folder)
    except duckdb.IOException:
        return by_glob(folder)


def by_delta(folder):
    if not glob.glob(f"{folder}/_delta_log/*.json"):
        return []
    table = deltalake.DeltaTable(folder).to_pyarrow_table(columns=COLUMNS)
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS)))


def firsts_of(name, rows):
    """The first offset of each partition; there must be all from it to the last one."""
    offsets = {}
    for partition, offset, _ in rows:
        offsets.setdefault(partition, []).append(offset)
    for partition, found in offsets.items():
        if max(found) - min(found) + 1 != len(found):
            sys.exit(f"{name}: partition {partition} has a hole between {min(found)} and {max(found)}")
    return {partition: min(found) for partition, found in offsets.items()}


def main():
    folder, stop, *dropping = sys.argv[1:]
    readers = {"glob": by_glob_again if dropping else by_glob, "delta": by_delta}
    seen = {name: {} for name in readers}
    firsts = {name: [{}] for name in readers}
    ended = False
    while not ended:
        ended = os.path.exists(stop)
        for name, read in readers.items():
            rows = read(folder)
            if len(set(rows)) != len(rows):
                sys.exit(f"{name}: {len(rows) - len(set(rows))} rows are there twice")
            epoch = max((row[2] for row in rows), default=-1)
            if seen[name] and epoch < max(seen[name]):
                sys.exit(f"{name}: epoch {epoch} after {max(seen[name])}")
            seen[name][epoch] = frozenset(rows)
            if dropping:
                first, before = firsts_of(name, rows), firsts[name][-1]
                if any(first.get(partition, -1) < offset for partition, offset in before.items()):
                    sys.exit(f"{name}: the first rows were {before}, and are {first}")
                if first != before:
                    firsts[name].append(first)
    for name, found in seen.items():
        final = by_glob(folder)
        for epoch, rows in found.items():
            missing = {row for row in final if row[2] <= epoch} - rows
            if missing:
                sys.exit(f"{name}: {len(missing)} rows were missing up to epoch {epoch}")
        if found[max(found)] != frozenset(final):
            sys.exit(f"{name}: the last rows are not the final ones")
        begins = f", {len(firsts[name]) - 1} first rows" if dropping else ""
        print(f"{name}: {len(found)} states, {len(final)} rows{begins}")


if __name__ == "__main__":
    main()
