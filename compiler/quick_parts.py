"""Parts of the quick call's text: loops over entries of its record, and what is done with arrays there."""

from compiler.objects import C_CONTIGUOUS, DATA, DESCR, DIMS, FLAGS, OWNS_DATA, RANK, TYPE, WEAK, WRITEABLE
from compiler.results import KEPT


def load(name: str, base: str, offset: int | str, kind: str = "ptr") -> str:
    return f"  %{name}.p = getelementptr i8, ptr %{base}, i64 {offset}\n  %{name} = load {kind}, ptr %{name}.p"


def loop(name: str, count: str, begin: str, before: str, after: str, body: str) -> str:
    """``body`` for each of ``count`` entries from ``begin`` on; it ends in a block NAME.end and defines %NAME.next."""
    return f"""{name}:
  %{name}.i = phi i64 [0, %{before}], [%{name}.i1, %{name}.end]
  %{name}.at = phi ptr [{begin}, %{before}], [%{name}.next, %{name}.end]
  %{name}.more = icmp slt i64 %{name}.i, {count}
  br i1 %{name}.more, label %{name}.do, label %{after}
{name}.do:
{body}
  %{name}.i1 = add i64 %{name}.i, 1
  br label %{name}
"""


def following(name: str, words: int) -> str:
    return f"  br label %{name}.end\n{name}.end:\n  %{name}.next = getelementptr i64, ptr %{name}.at, i64 {words}"


POINT = f"""
define internal ptr @point(ptr %array, ptr %words, i64 %count) nounwind {{
entry:
{load("data", "array", DATA, "i64")}
  br label %word
{
    loop(
        "word",
        "%count",
        "%words",
        "entry",
        "done",
        f'''{load("target", "word.at", 0)}
{load("offset", "word.at", 8, "i64")}
  %value = add i64 %data, %offset
  store i64 %value, ptr %target
{following("word", 2)}''',
    )
}done:
  ret ptr %word.at
}}
"""

HOLD = f"""
define internal void @hold(ptr %body, i64 %inputs, ptr %change) nounwind {{
entry:
  br label %input
{
    loop(
        "input",
        "%inputs",
        "%body",
        "entry",
        "done",
        f'''{load("rank", "input.at", 8, "i64")}
{load("uses", "input.at", 16, "i64")}
{load("array", "input.at", 24)}
  call void %change(ptr %array)
  %twice = shl i64 %uses, 1
  %rest = add i64 %rank, %twice
  %words = add i64 %rest, 4
  br label %input.end
input.end:
  %input.next = getelementptr i64, ptr %input.at, i64 %words''',
    )
}done:
  ret void
}}
"""

# A row of the recorder's ring (compiler/recorder.py) takes the arrays the call was fed.
LOG = HOLD.replace("@hold(ptr %body, i64 %inputs, ptr %change)", "@log(ptr %body, i64 %inputs, ptr %row)").replace(
    "  call void %change(ptr %array)",
    """  %place = getelementptr ptr, ptr %row, i64 %input.i
  %before = load ptr, ptr %place
  call void @Py_IncRef(ptr %array)
  store ptr %array, ptr %place
  call void @Py_DecRef(ptr %before)""",
)

_AS_MADE = C_CONTIGUOUS | OWNS_DATA | WRITEABLE
_FITS = f"""  %array = load ptr, ptr %place.at
{load("owners", "array", 0, "i64")}
{load("type", "array", TYPE)}
  %sole = icmp eq i64 %owners, 1
  %is_array = icmp eq ptr %type, %array_type
  %possible = and i1 %sole, %is_array
  br i1 %possible, label %described, label %place.end
described:
{load("descr", "array", DESCR)}
{load("rank", "array", RANK, "i32")}
{load("flags", "array", FLAGS, "i32")}
{load("weak", "array", WEAK)}
{load("dims", "array", DIMS)}
  %depth32 = trunc i64 %depth to i32
  %flag = and i32 %flags, {_AS_MADE}
  %same_descr = icmp eq ptr %descr, %dtype
  %same_rank = icmp eq i32 %rank, %depth32
  %as_made = icmp eq i32 %flag, {_AS_MADE}
  %unwatched = icmp eq ptr %weak, null
  %fits1 = and i1 %same_descr, %same_rank
  %fits2 = and i1 %as_made, %unwatched
  %fits = and i1 %fits1, %fits2
  br i1 %fits, label %size, label %place.end
{
    loop(
        "size",
        "%depth",
        "%sizes",
        "described",
        "found",
        f'''  %length.p = getelementptr i64, ptr %dims, i64 %size.i
  %length = load i64, ptr %length.p
  %wanted = load i64, ptr %size.at
  %equal = icmp eq i64 %length, %wanted
  br i1 %equal, label %size.equal, label %place.end
size.equal:
{following("size", 1)}''',
    )
}found:
  call void @Py_IncRef(ptr %array)
  ret ptr %array
place.end:
  %place.next = getelementptr ptr, ptr %place.at, i64 1"""

# ``Results.make`` of compiler/results.py: an array kept from an earlier call, else null.
SPARE = f"""
define internal ptr @spare(ptr %kept, ptr %array_type, ptr %dtype, i64 %depth, ptr %sizes) nounwind {{
entry:
  br label %place
{loop("place", str(KEPT), "%kept", "entry", "none", _FITS)}none:
  ret ptr null
}}
"""

_WERE = "\n".join(load(f"was{n}", "kept", 8 * n) for n in range(KEPT))
_MOVED = "\n".join(f"  store ptr %was{n}, ptr %was{n + 1}.p" for n in range(KEPT - 1))
KEEP = f"""
define internal void @keep(ptr %kept, ptr %made) nounwind {{
{_WERE}
{_MOVED}
  call void @Py_IncRef(ptr %made)
  store ptr %made, ptr %was0.p
  call void @Py_DecRef(ptr %was{KEPT - 1})
  ret void
}}
"""
