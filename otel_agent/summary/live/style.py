"""The places and colours of the live screen's widgets, in Textual's CSS."""

from typing import Final

STYLE: Final = """
#where { height: 1; padding: 0 1; color: $text-muted; }
#note { height: auto; padding: 0 1; color: $warning; text-style: bold; display: none; }
#head { height: auto; max-height: 60%; padding: 0 1 1 1; }
#rows { height: 1fr; padding: 0 1; background: $background; }
#foot { height: auto; max-height: 6; padding: 0 1; }
#trouble { height: auto; padding: 0 1; color: $warning; display: none; }
#filter { display: none; }
"""
