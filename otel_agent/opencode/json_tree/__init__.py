"""The JSON trees that OpenCode wrote up to 1.1."""
