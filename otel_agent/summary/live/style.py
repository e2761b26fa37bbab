"""The places and colours of the live screen's widgets, in Textual's CSS. Colours are those of the theme."""

from typing import Final

STYLE: Final = """
Screen { overflow: hidden; }
#tabs-list Tab { padding: 0 1 0 0; }
#tabs-list-bar, #where { padding: 0 1; }
#where { height: 1; padding: 0 1; color: $text-muted; }
#note { height: auto; padding: 0 1; color: $warning; text-style: bold; display: none; }
#head { height: auto; max-height: 45%; layout: vertical; }
.-tall #head { max-height: 60%; }
.-wide #head { layout: grid; grid-size: 2; grid-columns: 1fr 1fr; grid-rows: auto; }
.panel { height: auto; padding: 0 1; border: round $primary 60%; border-title-color: $text-accent; border-title-style: bold; }
.-wide .panel { height: 100%; }
.-wide #head .alone { column-span: 2; height: auto; }
#days { display: none; }
#trend { height: 1; padding: 0 2; }
#rows { height: 1fr; min-height: 5; padding: 0 1; background: $background; border: round $primary 60%;
  border-title-color: $text-accent; border-title-style: bold; scrollbar-size-vertical: 1; }
#rows:focus { border: round $accent; }
#detail { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
.-low #detail { max-height: 2; }
#foot { height: auto; padding: 0 1; }
#trouble { height: auto; padding: 0 1; color: $warning; display: none; }
.awaited { layer: _loading; dock: top; width: 100%; height: 100%; content-align: center middle; background: $boost;
  color: $primary; }
#filter, #file { display: none; padding: 0 1; }
.-low .panel { border: none; padding: 0 2; }
.-low #rows { border: none; min-height: 3; }
"""
WIDE: Final = 110
"""Columns from which the panels of an overview are beside each other."""
TALL: Final = 38
"""Lines from which an overview has a map of days."""
SHORT: Final = 30
"""Lines below which a panel says less …"""
LOW: Final = 24
"""… and below which there are no frames."""
FEW_COLUMNS: Final = 80
"""Columns below which tabs have no numbers."""
ROOMY: Final = 36
"""Lines from which the panels of an overview may have more than …"""
HEAD_PERCENT, HEAD_PERCENT_ROOMY = 45, 60
"""… this part of the screen (``max-height``). Below the panels 15 lines are needed, or something is cut."""
MOST_DETAIL, MOST_LOW_DETAIL = 3, 2
"""Lines of what is said of a row (``max-height``), on a screen with frames and on one without."""
TREND_EDGES: Final = 4
"""Columns beside the bars of the range."""
