"""The SQLite databases that OpenCode writes since 1.2."""
