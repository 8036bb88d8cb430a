"""The row that shares work among threads: cuts rows of the plan into pieces and hands these to whoever is free.

The block of such a row: the pool, the number of rows, their work in picoseconds, the number of the first row that
failed, and the address of each row's description. A description is HEAD and then entries of fixed width: axes (AXIS),
counts (axis, parameter, factor), moves (axis, parameter, bytes) and partials (parameter, address, bytes).

A piece works on a copy of the row's argument block in which a count holds its number of iterations times the factor,
and an address has moved by so many bytes for each iteration before. Pieces along the last axis of a row with partials,
all but the first, write their sums to places of their own; ``more`` says how many those are.

How a row is cut depends on sizes alone, so that results do not depend on the number of threads. Each axis in turn is
cut into as many pieces as the work deserves: of ``least`` iterations at least, of ``coarse`` if there are more than
two, and not at all if the parameter ``rival`` is larger, or as large and in front.

The pool is an array of words, LINE words apart where several threads write. Line 0 is the ticket: the number of pieces
in its high half, that of the next to be taken in its low half; adding 1 takes one. Line 1 counts the pieces that are
done. Line 2 holds what changes rarely (POOL). Line 3 is where the owner sleeps, those of the helpers follow (SLEEPER).
A helper that comes late takes a ticket beyond the last piece, or a piece that the owner then waits for: the block is
read only by those who hold a piece. Who goes to sleep says so and then looks again; who brings work brings it and then
looks who sleeps; so one of the two sees the other.
"""

import re

SHARE = ["pool", "rows", "work", "failed"]
HEAD = ["kernel", "block", "words", "work", "most", "axes", "counts", "moves", "partials", "more", "total"]
AXIS = ["param", "least", "coarse", "rival", "size", "pieces"]
LINE = 16  # two cache lines: processors fetch them in pairs
POOL = ["owner", "helpers", "started", "stop", "spin", "grain", "nap", "piece", "bad", "job"]
SLEEPER = ["asleep", "lock", "pool", "place"]
FIRST_SLEEPER = 3  # the line
ROOM, LOOPS = 128, 4  # for the copy of a block, and for the loops that may be cut
API = (
    "PyThread_acquire_lock",
    "PyThread_release_lock",
    "PyThread_start_new_thread",
)  # none wants the interpreter's lock

_CUT = """
def cut(row, worth):
    row[MORE] = 0
    left = least(row[WORK] // worth, row[MOST])
    if left < 2:
        row[TOTAL] = 1
        return 1
    block = row[BLOCK]
    axis = row + 8 * HEAD
    i = 0
    total = 1
    while i < row[AXES]:
        extent = block[axis[PARAM]]
        room = most(least(extent // axis[LEAST], 2), extent // axis[COARSE])
        if axis[RIVAL] >= 0:
            rival = block[axis[RIVAL]]
            if (rival > extent) or ((rival == extent) and (axis[RIVAL] < axis[PARAM])):
                room = 1
        pieces = most(least(room, left), 1)
        size = most((extent + pieces - 1) // pieces, 1)
        if axis[LEAST] >= ROUND:
            size = (size + ROUND - 1) // ROUND * ROUND
        pieces = most((extent + size - 1) // size, 1)
        axis[SIZE] = size
        axis[PIECES] = pieces
        total = total * pieces
        left = left // pieces
        i = i + 1
        axis = axis + 8 * AXIS
    row[MORE] = (axis - 8 * AXIS)[PIECES] - 1
    row[TOTAL] = total
    return total

def piece(row, index):
    if row[TOTAL] == 1:
        return call(row[KERNEL], row[BLOCK])
    block = stack(ROOM)
    start = stack(LOOPS)
    length = stack(LOOPS)
    given = row[BLOCK]
    i = 0
    while i < row[WORDS]:
        block[i] = given[i]
        i = i + 1
    i = row[AXES]
    entry = row + 8 * (HEAD + AXIS * i)
    axis = entry
    last = 0
    while i > 0:
        i = i - 1
        axis = axis - 8 * AXIS
        mine = index % axis[PIECES]
        index = index // axis[PIECES]
        start[i] = mine * axis[SIZE]
        length[i] = least(axis[SIZE], given[axis[PARAM]] - start[i])
        if i == row[AXES] - 1:
            last = mine
    i = 0
    while i < row[COUNTS]:
        block[entry[1]] = length[entry[0]] * entry[2]
        entry = entry + 24
        i = i + 1
    moves = entry
    entry = moves + 24 * row[MOVES]
    i = 0
    while i < row[PARTIALS]:
        if last > 0:
            block[entry[0]] = entry[1] + (last - 1) * entry[2]
        entry = entry + 24
        i = i + 1
    i = 0
    while i < row[MOVES]:
        block[moves[1]] = block[moves[1]] + start[moves[0]] * moves[2]
        moves = moves + 24
        i = i + 1
    return call(row[KERNEL], block)

def numbered(job, index):
    i = 0
    while index >= job[SHARE + i][TOTAL]:
        index = index - job[SHARE + i][TOTAL]
        i = i + 1
    status = piece(job[SHARE + i], index)
    if status == 0:
        return 0
    return (i << 32) | (status & 4294967295)
"""

_IDLE = """
def idle(left):
    pause()
    if left % 32 == 0:
        rest()
    return left - 1
"""

_POOL = """
def due(pool, place):
    ticket = read(pool)
    return (place <= read(pool + HELPERS)) and ((ticket & 4294967295) < (ticket >> 32))

def wake(sleeper):
    if read(sleeper) != 0:
        if swap(sleeper, 0) != 0:
            PyThread_release_lock(sleeper[LOCK])

def help(pool):
    while 1:
        ticket = increase(pool, 1)
        count = ticket >> 32
        if (ticket & 4294967295) >= count:
            break
        index = ticket & 4294967295
        found = numbered(read(pool + JOB), index)
        if found != 0:
            lower(pool + BAD, found)
        if increase(pool + DONE, 1) + 1 == count:
            wake(pool + OWNER_SLEEPS)

def serve(me):
    pool = me[POOL_OF]
    place = me[PLACE]
    while 1:
        left = read(pool + SPIN)
        while (left > 0) and (due(pool, place) == 0):
            left = idle(left)
        if due(pool, place):
            help(pool)
        else:
            if read(pool + STOP):
                break
            write(me, 1)
            again = due(pool, place) or read(pool + STOP)
            if again:
                if swap(me, 0) == 0:
                    PyThread_acquire_lock(me[LOCK], 1)
            else:
                PyThread_acquire_lock(me[LOCK], 1)
    increase(pool + STARTED, 0 - 1)

def summon(pool, pieces):
    while read(pool + STARTED) < read(pool + HELPERS):
        place = increase(pool + STARTED, 1) + 1
        if PyThread_start_new_thread(address(serve), pool + SLEEPERS + place * STRIDE) == 0 - 1:
            increase(pool + STARTED, 0 - 1)
            write(pool + HELPERS, place - 1)
    place = least(pieces - 1, read(pool + HELPERS))
    while place > 0:
        wake(pool + SLEEPERS + place * STRIDE)
        place = place - 1

def wait(pool, pieces):
    me = pool + OWNER_SLEEPS
    while read(pool + DONE) != pieces:
        left = read(pool + SPIN)
        while (left > 0) and (read(pool + DONE) != pieces):
            left = idle(left)
        if read(pool + DONE) != pieces:
            write(me, 1)
            if read(pool + DONE) == pieces:
                if swap(me, 0) == 0:
                    PyThread_acquire_lock(me[LOCK], 1)
            else:
                PyThread_acquire_lock(me[LOCK], 1)

def together(pool, job, pieces):
    write(pool + BAD, 0 - 1)
    write(pool + DONE, 0)
    write(pool + JOB, job)
    write(pool, pieces << 32)
    summon(pool, pieces)
    help(pool)
    wait(pool, pieces)
    return read(pool + BAD)

def alone(job, pieces):
    bad = 0 - 1
    i = 0
    while i < pieces:
        found = numbered(job, i)
        if (found != 0) and (bad == 0 - 1):
            bad = found
        i = i + 1
    return bad

def kernel(job):
    pool = job[0]
    worth = read(pool + PIECE)
    i = 0
    pieces = 0
    while i < job[ROWS]:
        pieces = pieces + cut(job[SHARE + i], worth)
        i = i + 1
    bad = 0
    if pieces == 1:
        return piece(job[SHARE], 0)
    grain = read(pool + GRAIN)
    if read(pool + SLEEPERS + STRIDE):
        grain = read(pool + NAP)
    if (read(pool + HELPERS) > 0) and (job[JOB_WORK] >= grain):
        if claim(pool + OWNER, 0, 1):
            bad = together(pool, job, pieces)
            write(pool + OWNER, 0)
        else:
            bad = alone(job, pieces)
    else:
        bad = alone(job, pieces)
    if bad == 0 - 1:
        return 0
    job[FAILED] = bad >> 32
    return bad & 4294967295
"""


def _numbers() -> dict[str, int]:
    """What the names in capitals stand for: numbers of words, and bytes from the start of the pool."""
    line = 8 * LINE
    found = {"SHARE": len(SHARE), "HEAD": len(HEAD), "AXIS": len(AXIS), "ROUND": 16, "ROOM": ROOM, "LOOPS": LOOPS}
    found |= {"STRIDE": line, "DONE": line, "OWNER_SLEEPS": FIRST_SLEEPER * line, "SLEEPERS": FIRST_SLEEPER * line}
    found |= {name.upper(): number for names in (HEAD, AXIS, SLEEPER) for number, name in enumerate(names)}
    found |= {name.upper(): 2 * line + 8 * number for number, name in enumerate(POOL)}
    return found | {"ROWS": 1, "JOB_WORK": 2, "FAILED": 3, "POOL_OF": SLEEPER.index("pool")}


NUMBERS = _numbers()
TEXT = re.sub(r"\b[A-Z_]+\b", lambda found: str(NUMBERS[found[0]]), _CUT + _IDLE + _POOL)

# A waiting loop by itself, for its duration; the block holds the number of turns.
IDLE_TEXT = (
    _IDLE
    + """
def kernel(block):
    left = block[0]
    while left > 0:
        left = idle(left)
"""
)
