"""Mutants written by hand: `make mutants` shows whether the tests see each of them.

A mutant is one small mistake in the code, with the tests that have to fail because of it. `catalogue/` has a file for
each room. CI checks only that each mutant still applies; the trial of all takes a while, and a person starts it.
"""
