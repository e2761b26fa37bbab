"""Handing signals over, and knowing whether they were taken."""
