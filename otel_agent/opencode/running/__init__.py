"""The OpenCode processes that run on this machine."""
