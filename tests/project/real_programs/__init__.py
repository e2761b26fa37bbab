"""`scripts/real-programs` gets each program once, as a whole or not at all, and says what to do if it cannot."""
