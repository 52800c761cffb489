#!/usr/bin/env python3
"""The rival: a loop around DuckDB that keeps the two views of the reference job by hand-written increments.

    duckdb_loop.py stock|rebate --brokers HOST:PORT [--rows 50000] [--out FILE.parquet]

Reads the preloaded topics from their start to their present end in batches, in memory, and ends. No recovery, no
history, no serving. Writes the view's rows to FILE.
"""

import argparse
import time

import duckdb
import pyarrow
from confluent_kafka import Consumer, TopicPartition

STOCK_TABLE = """
CREATE TABLE q_stock (sku_id VARCHAR, warehouse_id VARCHAR, on_hand BIGINT, reserved BIGINT, n BIGINT,
                      PRIMARY KEY (sku_id, warehouse_id))"""
STOCK_STEPS = ["""
INSERT INTO q_stock
SELECT j.sku_id, j.warehouse_id,
       SUM(CASE j.move_type WHEN 'RESTOCK' THEN j.qty WHEN 'RETURN' THEN j.qty WHEN 'SELL' THEN -j.qty ELSE 0 END),
       SUM(CASE j.move_type WHEN 'RESERVE' THEN j.qty WHEN 'RELEASE' THEN -j.qty WHEN 'SELL' THEN -j.qty ELSE 0 END),
       COUNT(*)
FROM (SELECT from_json(value, '{"sku_id":"VARCHAR","warehouse_id":"VARCHAR","move_type":"VARCHAR","qty":"BIGINT"}') j
      FROM batch)
GROUP BY 1, 2
ON CONFLICT DO UPDATE SET on_hand = on_hand + excluded.on_hand, reserved = reserved + excluded.reserved,
                          n = n + excluded.n"""]

REBATE_TABLES = """
CREATE TABLE rules (platform VARCHAR, merchant_id VARCHAR, user_share DECIMAL(9,6),
                    PRIMARY KEY (platform, merchant_id));
CREATE TABLE lines (k VARCHAR PRIMARY KEY, sm VARCHAR, eid VARCHAR, status VARCHAR, user_id VARCHAR,
                    rebate DECIMAL(18,2));
CREATE TABLE q_rebate (user_id VARCHAR PRIMARY KEY, pending DECIMAL(18,2), approved DECIMAL(18,2),
                       payable DECIMAL(18,2), lost DECIMAL(18,2), n BIGINT)"""
RULES_STEP = """
INSERT INTO rules SELECT j.platform, j.merchant_id, j.user_share FROM (
  SELECT from_json(value, '{"platform":"VARCHAR","merchant_id":"VARCHAR","user_share":"DECIMAL(9,6)"}') j FROM batch)"""
REBATE_STEPS = [
    "BEGIN",
    """
CREATE OR REPLACE TEMP TABLE changed AS
SELECT l.*, (floor(commission::DECIMAL(18,2) * r.user_share * 100) / 100)::DECIMAL(18,2) AS rebate,
       o.status AS old_status, o.user_id AS old_user, o.rebate AS old_rebate
FROM (SELECT j.platform || '|' || j.order_line_id AS k, j.*
      FROM (SELECT from_json(value, '{"platform":"VARCHAR","order_line_id":"VARCHAR","source_modified":"VARCHAR",
                    "status":"VARCHAR","user_id":"VARCHAR","merchant_id":"VARCHAR","commission":"DECIMAL(12,2)",
                    "event_id":"VARCHAR"}') j FROM batch)
      QUALIFY ROW_NUMBER() OVER (PARTITION BY j.platform, j.order_line_id
                                 ORDER BY j.source_modified DESC, j.event_id DESC) = 1) l
JOIN rules r USING (platform, merchant_id)
LEFT JOIN lines o ON o.k = l.k
WHERE o.k IS NULL OR (l.source_modified, l.event_id) > (o.sm, o.eid)""",
    """
INSERT INTO lines SELECT k, source_modified, event_id, status, user_id, rebate FROM changed
ON CONFLICT DO UPDATE SET sm = excluded.sm, eid = excluded.eid, status = excluded.status,
                          user_id = excluded.user_id, rebate = excluded.rebate""",
    """
INSERT INTO q_rebate
SELECT user_id, COALESCE(SUM(sign * rebate) FILTER (status IN ('PENDING', 'RECEIVED')), 0),
       COALESCE(SUM(sign * rebate) FILTER (status = 'APPROVED'), 0),
       COALESCE(SUM(sign * rebate) FILTER (status = 'PAYABLE'), 0),
       COALESCE(SUM(sign * rebate) FILTER (status IN ('DECLINED', 'REVERSED')), 0), SUM(sign)
FROM (SELECT user_id, status, rebate, 1 AS sign FROM changed
      UNION ALL SELECT old_user, old_status, old_rebate, -1 FROM changed WHERE old_user IS NOT NULL)
GROUP BY 1
ON CONFLICT DO UPDATE SET pending = pending + excluded.pending, approved = approved + excluded.approved,
                          payable = payable + excluded.payable, lost = lost + excluded.lost, n = n + excluded.n""",
    "COMMIT",
]


def batches(brokers, topic, rows):
    """The values of the topic's messages, as Arrow tables of at most that many rows."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "duckdb-loop",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "check.crcs": False,
            "fetch.message.max.bytes": 8388608,
            "queued.min.messages": 100000,
            "fetch.queue.backoff.ms": 2,
        }
    )
    partitions = [TopicPartition(topic, p, 0) for p in consumer.list_topics(topic, 10).topics[topic].partitions]
    consumer.assign(partitions)
    wanted = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
    read = 0
    while read < wanted:
        messages = consumer.consume(min(rows, wanted - read), 0.5)
        if messages:
            read += len(messages)
            yield pyarrow.table({"value": pyarrow.array([message.value() for message in messages], pyarrow.string())})
    consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("query", choices=["stock", "rebate"])
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    database = duckdb.connect()
    database.execute("SET threads = 2; SET memory_limit = '8GB'")
    if arguments.query == "stock":
        topic, steps = "stock_movements", STOCK_STEPS
        database.execute(STOCK_TABLE)
    else:
        topic, steps = "affiliate_txn", REBATE_STEPS
        database.execute(REBATE_TABLES)
        for batch in batches(arguments.brokers, "rate_rules", arguments.rows):
            database.execute(RULES_STEP)
    events, longest, first = 0, 0.0, time.monotonic()
    for batch in batches(arguments.brokers, topic, arguments.rows):
        begin = time.monotonic()
        for step in steps:
            database.execute(step)  # finds the local variable `batch` by its name
        longest = max(longest, time.monotonic() - begin)
        events += batch.num_rows
    rate = events / (time.monotonic() - first)
    print(f"{events} events, {rate:.0f} events/s without the start of Python, longest batch {longest * 1000:.0f} ms")
    if arguments.out:
        database.execute(f"COPY q_{arguments.query} TO '{arguments.out}' (FORMAT parquet)")


if __name__ == "__main__":
    main()
