"""Bars that are made of letters."""


def bar(share: float, width: int) -> str:
    """Return a bar in eighths of a column, ``width`` columns for a share of 1.0. A share above 0 is always visible."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
