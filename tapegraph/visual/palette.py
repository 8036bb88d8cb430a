"""The colours of the two modes, the same in pages, pictures and terminals.

Orange and blue of Okabe and Ito's palette, which people with any of the usual colour vision deficiencies tell apart; on
dark ground lighter, so that lines keep a contrast of 3 and words one of 4.5.
"""

from __future__ import annotations

LIGHT = {"eager": "#d55e00", "static": "#0072b2"}  # lines and areas on white
DARK = {"eager": "#ff9d5c", "static": "#5bb8f0"}  # lines, areas and words on near black
INK = {"eager": "#a84800", "static": "#00639b"}  # words on white
TERMINAL = {"eager": "dark_orange3", "static": "deep_sky_blue3"}  # the nearest of 256 colours, as rich calls them
