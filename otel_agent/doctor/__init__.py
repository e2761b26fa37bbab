"""Each link from OpenCode's storage to the backend, looked at once: what was seen, what it means, what to do."""
