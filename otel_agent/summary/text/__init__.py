"""A view in words and tables, for a terminal."""
