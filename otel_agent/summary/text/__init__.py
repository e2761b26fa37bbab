"""A view in words and tables, for a terminal; Markdown, pages and the live screen use the same words."""
