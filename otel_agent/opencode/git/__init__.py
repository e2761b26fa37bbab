"""Knows from git's own files which repository a folder belongs to, and which branch it was on. Git is not run."""
