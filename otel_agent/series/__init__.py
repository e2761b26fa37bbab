"""Decides which series a change raises, with which attributes, and which gauges are observed."""
