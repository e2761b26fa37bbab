"""The SQLite databases that OpenCode has written since 1.2: ``known_tables`` lists the generations of tables."""
