"""A machine in one process: simulated OpenCodes, the agent's real pipeline, a backend that lies, and one clock.

A story is a list of events that one seed decides. ``machine`` plays it, ``oracle`` judges what came of it by ``books``
that know nothing of the agent. ``every_moment`` tries a fault at each single point of a round. ``storm`` does the same
with real processes.
"""
