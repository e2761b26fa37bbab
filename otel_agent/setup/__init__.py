"""What `otel-agent setup` decides and does: the settings file, a try of the backend, the history, and the service."""
