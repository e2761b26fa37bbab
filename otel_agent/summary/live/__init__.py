"""The screen that follows what happens (Textual)."""
