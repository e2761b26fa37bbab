-- The git repositories of the last seven days with what they used, the dearest first.
-- Agents name them on spans if they have vcs_attributes = true.
-- To ask: clickhouse-client --format PrettyCompact < top-repositories.sql
--
-- For branches, add SpanAttributes['vcs.ref.head.name'] AS branch, and group by it too.
SELECT
    if(SpanAttributes['vcs.repository.name'] = '', '(not known)', SpanAttributes['vcs.repository.name']) AS repository,
    count() AS messages,
    uniqExact(SpanAttributes['session.id']) AS sessions,
    sum(
        toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])
        + toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens'])
    ) AS tokens,
    round(sum(toFloat64OrZero(SpanAttributes['opencode.cost.usd'])), 6) AS cost_usd
FROM otel_agent.spans
WHERE SpanAttributes['gen_ai.operation.name'] = 'chat' AND Timestamp >= now() - INTERVAL 7 DAY
GROUP BY repository
ORDER BY cost_usd DESC, tokens DESC
LIMIT 20
