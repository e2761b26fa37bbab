"""OpenCode 1.x and 2.x as small state machines, whose author keeps his own books of what every model call used.

Nothing here knows how the agent counts. ``kinds.KINDS`` names one history for each kind of store.
"""
