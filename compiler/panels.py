"""Sizes of the pieces in which small matrix products are computed."""

PANEL = 64  # bytes of a row of a panel: one register of AVX-512, two of AVX2, four of NEON
BLOCK = 32  # bytes of a row of a block that is transposed in registers
DEEP = 256  # rows of a panel, so that it fills half a first cache at most
ROWS = 6  # rows of a tile; that many follow the rows of a panel, for results narrower than it
ROOM = (DEEP + ROWS) * PANEL // 4  # elements
