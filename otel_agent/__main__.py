"""``python -m otel_agent`` is ``otel-agent``."""

from otel_agent.cli import main

if __name__ == "__main__":
    main()
