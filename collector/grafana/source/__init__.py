"""The Grafana dashboards as code: `python -m collector.grafana.source` writes `collector/grafana/dashboards/*.json`.

All names come from `otel_agent.semconv`, through `names`, so that a metric cannot be renamed without its panels.
"""
