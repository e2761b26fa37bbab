"""The live screen, which updates itself (Textual): where a person is, the rows, the keys, and the app around them."""
