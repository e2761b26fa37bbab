-- The table in which kafka/in.yaml keeps spans. To create it: clickhouse-client --multiquery < schema.sql
--
-- The columns are the ones that the Collector's ClickHouse exporter writes. The engine and the order differ from the table
-- that the exporter would create. A killed consumer reads some of Kafka again, and that table would keep those spans twice.
-- Here ClickHouse merges a repeated span into one row, some time later. The view `spans` reads as if it already had.

CREATE DATABASE IF NOT EXISTS otel_agent;

CREATE TABLE IF NOT EXISTS otel_agent.otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    INDEX trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX session_id SpanAttributes['session.id'] TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(Timestamp) -- not by day: an insert may touch at most a hundred partitions, and a new agent's whole history is one insert
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), TraceId, SpanId)
TTL toDateTime(Timestamp) + INTERVAL 90 DAY -- spans are kept this long; whole parts are deleted, up to a month later
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1; -- an acknowledged insert is on the disk

CREATE VIEW IF NOT EXISTS otel_agent.spans AS SELECT * FROM otel_agent.otel_traces FINAL;
