#!/usr/bin/env python3
"""Reads the events of a table again and again while they are written, until the file STOP is there.

    watch.py FOLDER STOP

FOLDER is the folder of the dataset. It is read by a glob with DuckDB, and as a Delta table with deltalake. Whatever is
seen must be all rows up to some epoch, each once, and never less than before. Exits with 1 otherwise.
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


def by_delta(folder):
    if not glob.glob(f"{folder}/_delta_log/*.json"):
        return []
    table = deltalake.DeltaTable(folder).to_pyarrow_table(columns=COLUMNS)
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS)))


def main():
    folder, stop = sys.argv[1:]
    readers = {"glob": by_glob, "delta": by_delta}
    seen = {name: {} for name in readers}
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
    for name, found in seen.items():
        final = by_glob(folder)
        for epoch, rows in found.items():
            missing = {row for row in final if row[2] <= epoch} - rows
            if missing:
                sys.exit(f"{name}: {len(missing)} rows were missing up to epoch {epoch}")
        if found[max(found)] != frozenset(final):
            sys.exit(f"{name}: the last rows are not the final ones")
        print(f"{name}: {len(found)} states, {len(final)} rows")


if __name__ == "__main__":
    main()
