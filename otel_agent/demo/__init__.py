"""The main job with nothing else at hand: a store to read, and an OTLP backend in the same process to send it to."""
