"""The demo needs nothing else: it reads a store and sends it to an OTLP backend in the same process."""
