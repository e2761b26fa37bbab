"""Examines each link from OpenCode's storage to the backend once: what was seen, what it means, what to do."""
