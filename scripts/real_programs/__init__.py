"""The real programs that tests, benchmarks and `make team` drive: `table` lists them, `scripts/real-programs` gets them.

Each way in which a program comes is a module: `npm`, `go_build`, `collector_build`, `go_file`, `maven`, `pip`, `apt`.
Only the standard library is needed.
"""
