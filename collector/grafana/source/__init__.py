"""The Grafana dashboards as code: `python -m collector.grafana.source` writes `collector/grafana/dashboards/*.json`.

All names come from `otel_agent.semconv`, through `names`. So a metric that is renamed is renamed in its panels too.
"""
