#!/usr/bin/env python3
"""Reads the Parquet of a data directory with DuckDB and with Polars, and compares it with what was produced; and its
Delta tables with deltalake and with Polars, and compares them with the files.

    check.py DATA [--produced FILE.json] [--view NAME=FILE]... [--events TABLE=FILE]...

DATA        the directory that rebateflow was given with --data
--produced  {"next_offsets": {TOPIC: {PARTITION: NEXT}}, "accepted": {TOPIC: N}, "unreadable": {TOPIC: N}}
            Every offset from 0 (or "first_offsets") up to NEXT must be in the events or in the dead letters, once.
            "accepted" and "unreadable" may be left out. Without --produced a roll may have been interrupted: then the
            Delta logs may lack the newest files.
--view      the rows that the view must have: its changes, added up (insert +1, delete -1), must give exactly these
--events    the rows that the events of a table must be, in any order

FILE is Parquet, CSV with a header or JSON (an array or one object a line); its columns are cast to those found.
Prints what it found. Exits with 1 on any difference, after printing up to 20 of the rows; with 2 on wrong use.
"""

import argparse
import glob
import json
import os
import sys

import deltalake
import duckdb
import polars

SHOWN_MAX = 20
BOUNDED = {"_offset", "offset", "_epoch", "_timestamp", "timestamp", "_published_at"}
METADATA = {"_op", "_rest", "_topic", "_partition", "_offset", "_timestamp", "_epoch", "_change", "_published_at"}


class Report:
    """Collects differences; each is printed when found."""

    def __init__(self):
        self.differences = 0

    def check(self, reader, what, rows):
        """Zero rows is what should be. `rows` is a list of dicts."""
        if rows:
            self.differences += 1
            print(f"DIFFERENT {reader}: {what}: {len(rows)} rows")
            for row in rows[:SHOWN_MAX]:
                print("   ", {name: str(value) for name, value in row.items()})

    def equal(self, reader, what, found, expected):
        if found != expected:
            self.differences += 1
            print(f"DIFFERENT {reader}: {what}: found {found}, expected {expected}")


def newest_generation(data, view):
    """The glob of the view's newest generation, and its number; None without files."""
    numbers = [
        int(path.rsplit("=", 1)[1])
        for path in glob.glob(f"{data}/views/{view}/gen=*")
        if has_files(f"{path}/_date=*/*.parquet")
    ]
    if not numbers:
        return None
    return f"{data}/views/{view}/gen={max(numbers)}/_date=*/*.parquet"


def has_files(pattern):
    return bool(glob.glob(pattern))


class DuckReader:
    name = "duckdb"

    def __init__(self):
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'")

    def rows(self, sql):
        cursor = self.db.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    def scan(self, pattern, partitioned=False):
        return f"read_parquet('{pattern}', hive_partitioning = {partitioned}, union_by_name = true)"

    def columns(self, pattern):
        """Name and type of the columns that a user declared."""
        found = self.rows(f"DESCRIBE SELECT * FROM {self.scan(pattern)}")
        return {row["column_name"]: row["column_type"] for row in found if row["column_name"] not in METADATA}

    def places(self, sources):
        """One row a message: topic, partition, offset, kind, and the date of its directory."""
        parts = [
            f"""SELECT {topic} AS topic, {partition} AS "partition", {offset} AS "offset", '{kind}' AS kind, _date
                FROM {self.scan(pattern, True)}"""
            for kind, pattern, (topic, partition, offset) in sources
        ]
        return self.db.sql(" UNION ALL ".join(parts)).to_arrow_table()

    def weights(self, pattern, weight):
        """Rows with the sum of their weights, zero ones left out; `weight` is 'changes' or 'rows'."""
        names = ", ".join(f'"{name}"' for name in self.columns(pattern))
        value = (
            "CASE _change WHEN 'insert' THEN 1 WHEN 'delete' THEN -1 ELSE error('_change is ' || _change) END"
            if weight == "changes"
            else "1"
        )
        return self.db.sql(
            f"SELECT {names}, CAST(sum({value}) AS BIGINT) AS weight FROM {self.scan(pattern)} "
            f"GROUP BY ALL HAVING sum({value}) <> 0"
        ).to_arrow_table()


class PolarsReader:
    name = "polars"

    def scan(self, pattern, partitioned=False):
        # A table to which a column was added has files with it and files without.
        return polars.scan_parquet(
            pattern, hive_partitioning=partitioned, missing_columns="insert", extra_columns="ignore"
        )

    def places(self, sources):
        parts = [
            self.scan(pattern, True).select(
                "_date",
                topic=polars.col(topic.strip('"')).cast(polars.String),
                partition=polars.col(partition.strip('"')).cast(polars.Int32),
                offset=polars.col(offset.strip('"')).cast(polars.Int64),
                kind=polars.lit(kind),
            )
            for kind, pattern, (topic, partition, offset) in sources
        ]
        return polars.concat(parts).collect().to_arrow()

    def weights(self, pattern, weight):
        frame = self.scan(pattern)
        names = [name for name in frame.collect_schema().names() if name not in METADATA]
        value = (
            polars.when(polars.col("_change") == "insert").then(1).when(polars.col("_change") == "delete").then(-1)
            if weight == "changes"
            else polars.lit(1)
        )
        summed = frame.with_columns(weight=value.cast(polars.Int64)).group_by(names).agg(polars.col("weight").sum())
        return summed.filter(polars.col("weight") != 0).collect().to_arrow()


def sources_of(data):
    """(kind, glob, columns of topic, partition and offset) of everything that a message can have become."""
    found = []
    for table in sorted(os.path.basename(path) for path in glob.glob(f"{data}/events/*")):
        pattern = f"{data}/events/{table}/_date=*/*.parquet"
        if has_files(pattern):
            found.append(("accepted", pattern, ("_topic", "_partition", "_offset")))
    pattern = f"{data}/dead_letters/_date=*/*.parquet"
    if has_files(pattern):
        found.append(("dead letter", pattern, ("topic", '"partition"', '"offset"')))
    return found


def folders_of(data):
    """The folder of each dataset that has files."""
    tops = [*glob.glob(f"{data}/events/*"), *glob.glob(f"{data}/views/*/gen=*"), f"{data}/dead_letters"]
    return [folder for folder in sorted(tops) if has_files(f"{folder}/_date=*/*.parquet")]


def read_deltalake(folder, condition):
    """The rows of a Delta table; `condition` is a column, `<=` or `>=`, and a value, or None."""
    if condition is None:
        return deltalake.DeltaTable(folder).to_pyarrow_table()
    return deltalake.DeltaTable(folder).to_pyarrow_table(filters=[condition])


def read_polars_delta(folder, condition):
    # Polars' own scan takes the directory gen=N above a view's table for a column of it.
    frame = polars.scan_delta(folder, use_pyarrow="/gen=" in folder)
    if condition is not None:
        column, sign, value = condition
        frame = frame.filter(polars.col(column) <= value if sign == "<=" else polars.col(column) >= value)
    return frame.collect().to_arrow()


def check_delta(report, judge, data, complete):
    """Each dataset as a Delta table has the rows of its files: all of them, or, before a roll has ended, no others."""
    readers = {"deltalake": read_deltalake, "polars delta": read_polars_delta}
    for folder in folders_of(data):
        name = os.path.relpath(folder, data)
        if not glob.glob(f"{folder}/_delta_log/*.json"):
            if complete:
                report.equal("deltalake", f"{name}: entries of the Delta log", 0, "some")
            continue
        scan = f"read_parquet('{folder}/_date=*/*.parquet', hive_partitioning = true, union_by_name = true)"
        found = [row["column_name"] for row in judge.rows(f"DESCRIBE SELECT * FROM {scan}")]
        # The directory gen=N above a view's dataset is not part of it.
        columns = [column for column in found if column != "gen"]
        names = ", ".join(f'"{column}"' for column in columns)
        for reader, read in readers.items():
            table = read(folder, None)
            print(f"{reader}: {name}: {table.num_rows} rows")
            report.equal(reader, f"{name}: columns", sorted(table.column_names), sorted(columns))
            judge.db.register("delta", table)
            files, found = f"SELECT {names} FROM {scan}", f"SELECT {names} FROM delta"
            report.check(reader, f"{name}: rows that no file has", judge.rows(f"{found} EXCEPT ALL {files}"))
            if complete:
                report.check(reader, f"{name}: rows of files only", judge.rows(f"{files} EXCEPT ALL {found}"))
            # Files are left out by the bounds in the log: a bound that is wrong would hide these rows.
            for column in BOUNDED.intersection(columns):
                for edge, sign in (("min", "<="), ("max", ">=")):
                    [bound] = judge.rows(
                        f'SELECT "{column}" AS value, count(*) AS n FROM delta GROUP BY 1 '
                        f'HAVING "{column}" = (SELECT {edge}("{column}") FROM delta)'
                    )
                    count = read(folder, (column, sign, bound["value"])).num_rows
                    report.equal(reader, f"{name}: rows with {column} {sign} {bound['value']}", count, bound["n"])


def check_places(report, reader, judge, data, produced):
    """Nothing lost, nothing twice, by (topic, partition, offset)."""
    sources = sources_of(data)
    if not sources:
        report.equal(reader.name, "files of events and dead letters", 0, "some")
        return
    judge.db.register("places", reader.places(sources))
    counts = judge.rows("SELECT topic, kind, count(*) AS n FROM places GROUP BY ALL ORDER BY ALL")
    print(f"{reader.name}: " + ", ".join(f"{row['topic']} {row['kind']} {row['n']}" for row in counts))
    report.equal(
        reader.name,
        "type of _date",
        judge.rows("SELECT DISTINCT typeof(_date) AS kind FROM places"),
        [{"kind": "DATE"}],
    )
    report.check(
        reader.name,
        "messages that are there twice",
        judge.rows(
            """SELECT topic, "partition", "offset", count(*) AS times, string_agg(kind) AS kinds FROM places
               GROUP BY topic, "partition", "offset" HAVING count(*) > 1 ORDER BY ALL"""
        ),
    )
    if produced is None:
        return
    first = produced.get("first_offsets", {})
    ranges = [
        (topic, int(partition), int(first.get(topic, {}).get(partition, 0)), int(end))
        for topic, partitions in produced["next_offsets"].items()
        for partition, end in partitions.items()
    ]
    judge.db.execute(
        'CREATE OR REPLACE TEMP TABLE ranges (topic VARCHAR, "partition" INTEGER, first BIGINT, next BIGINT)'
    )
    judge.db.executemany("INSERT INTO ranges VALUES (?, ?, ?, ?)", ranges)
    expected = 'SELECT topic, "partition", unnest(range(first, next)) AS "offset" FROM ranges'
    report.check(
        reader.name,
        "produced messages that are nowhere",
        judge.rows(f'{expected} EXCEPT SELECT topic, "partition", "offset" FROM places ORDER BY ALL'),
    )
    report.check(
        reader.name,
        "messages that nobody produced",
        judge.rows(f'SELECT topic, "partition", "offset" FROM places EXCEPT {expected} ORDER BY ALL'),
    )
    for kind, name in (("accepted", "accepted"), ("dead letter", "unreadable")):
        found = {row["topic"]: row["n"] for row in counts if row["kind"] == kind}
        for topic, wanted in produced.get(name, {}).items():
            report.equal(reader.name, f"{kind} messages of {topic}", found.get(topic, 0), wanted)


def read_expected(judge, file, types):
    """The expected rows as the Arrow table (columns, weight), cast to the types that the product wrote."""
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in types)
    scans = {
        ".parquet": f"read_parquet('{file}')",
        ".csv": f"read_csv('{file}', all_varchar = true, header = true)",
        ".json": f"read_json('{file}', columns = {{{texts}}})",
    }
    scan = scans.get(os.path.splitext(file)[1])
    if scan is None:
        sys.exit(f"{file}: neither .parquet, .csv nor .json")
    columns = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
    return judge.db.sql(
        f"SELECT *, count(*) AS weight FROM (SELECT {columns} FROM {scan}) GROUP BY ALL"
    ).to_arrow_table()


def check_rows(report, reader, judge, request):
    """The rows in the files, with their weights, are the expected ones."""
    what, pattern, weight, file = request
    found = reader.weights(pattern, weight)
    types = judge.columns(pattern)
    expected = read_expected(judge, file, types)
    judge.db.register("found", found)
    judge.db.register("expected", expected)
    print(f"{reader.name}: {what}: {found.num_rows} different rows")
    report.check(
        reader.name,
        f"{what}: rows with a negative weight",
        judge.rows("SELECT * FROM found WHERE weight < 0 ORDER BY ALL"),
    )
    names = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
    report.check(
        reader.name,
        f"{what}: found minus expected",
        judge.rows(
            "SELECT * EXCLUDE (w), sum(w) AS surplus FROM "
            f"(SELECT {names}, weight AS w FROM found UNION ALL SELECT {names}, -weight FROM expected) "
            "GROUP BY ALL HAVING sum(w) <> 0 ORDER BY ALL"
        ),
    )


def requests_of(arguments):
    """(name for messages, glob, kind of weight, file) of each comparison asked for."""
    requests = []
    for option in arguments.view:
        name, file = option.split("=", 1)
        pattern = newest_generation(arguments.data, name)
        if pattern is None:
            sys.exit(f"no files of view {name} under {arguments.data}/views")
        requests.append((f"view {name}", pattern, "changes", file))
    for option in arguments.events:
        name, file = option.split("=", 1)
        requests.append((f"events of {name}", f"{arguments.data}/events/{name}/_date=*/*.parquet", "rows", file))
    return requests


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--produced")
    parser.add_argument("--view", action="append", default=[])
    parser.add_argument("--events", action="append", default=[])
    arguments = parser.parse_args()
    produced = None
    if arguments.produced:
        with open(arguments.produced, encoding="utf-8") as file:
            produced = json.load(file)
    report, judge = Report(), DuckReader()
    requests = requests_of(arguments)
    for reader in (judge, PolarsReader()):
        check_places(report, reader, judge, arguments.data, produced)
        for request in requests:
            check_rows(report, reader, judge, request)
    check_delta(report, judge, arguments.data, produced is not None)
    print("all equal" if report.differences == 0 else f"{report.differences} differences")
    sys.exit(1 if report.differences else 0)


if __name__ == "__main__":
    main()
