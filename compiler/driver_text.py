"""The driver of control rows, in LLVM's language: a loop over tables, and a choice between tables.

A block is a row of 64-bit words. loop: table, rows and flag of the test (0 where there is none), table and rows of the
body, limit (-1 for none), the numbers of copies before, fixed slots, moving slots and copies after, then these:
(target, source, bytes), (slot, address), (slot, address, stride, mask), (target, source, stride, mask, bytes).
In step t a moving slot holds address + (t & mask) * stride. switch: address of the index, number of fixed slots, these,
then (table, rows) of each branch.
"""


def _words(names: str) -> str:
    """Loads of the first words of a block."""
    lines = []
    for number, name in enumerate(names.split()):
        kind = "ptr" if name.endswith("_at") else "i64"
        lines.append(f"  %{name}.p = getelementptr i64, ptr %block, i64 {number}")
        lines.append(f"  %{name} = load {kind}, ptr %{name}.p")
    return "\n".join(lines)


def _each(name: str, count: str, start: str, width: int, before: str, after: str, body: str) -> str:
    """A loop over ``count`` entries of ``width`` words; %name.0, %name.1 .. are the addresses of an entry's words."""
    words = "\n".join(f"  %{name}.{k} = getelementptr i64, ptr %{name}.e, i64 {k}" for k in range(width))
    return f"""{name}:
  %{name}.i = phi i64 [0, %{before}], [%{name}.n, %{name}.do]
  %{name}.more = icmp slt i64 %{name}.i, {count}
  br i1 %{name}.more, label %{name}.do, label %{after}
{name}.do:
  %{name}.o = mul i64 %{name}.i, {width}
  %{name}.e = getelementptr i64, ptr {start}, i64 %{name}.o
{words}
{body}
  %{name}.n = add i64 %{name}.i, 1
  br label %{name}
"""


_STORE = """  %NAME.slot = load ptr, ptr %NAME.0
  %NAME.value = load i64, ptr %NAME.1
  store i64 %NAME.value, ptr %NAME.slot"""

_COPY = """
define internal void @copy(ptr %to, ptr %from, i64 %bytes) nounwind {
entry:
  %words = lshr i64 %bytes, 3
  %some = icmp ne i64 %words, 0
  br i1 %some, label %word, label %rest
word:
  %i = phi i64 [0, %entry], [%i1, %word]
  %s = getelementptr i64, ptr %from, i64 %i
  %d = getelementptr i64, ptr %to, i64 %i
  %v = load i64, ptr %s, align 1
  store i64 %v, ptr %d, align 1
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %words
  br i1 %more, label %word, label %rest
rest:
  %start = and i64 %bytes, -8
  %left = icmp ult i64 %start, %bytes
  br i1 %left, label %byte, label %end
byte:
  %j = phi i64 [%start, %rest], [%j1, %byte]
  %sb = getelementptr i8, ptr %from, i64 %j
  %db = getelementptr i8, ptr %to, i64 %j
  %vb = load i8, ptr %sb
  store i8 %vb, ptr %db
  %j1 = add i64 %j, 1
  %again = icmp ult i64 %j1, %bytes
  br i1 %again, label %byte, label %end
end:
  ret void
}
"""

_LOOP = f"""
define i64 @tg_KEY(ptr %block) nounwind {{
entry:
{_words("test_at tests flag_at body_at rows limit ins fixeds movings outs")}
  %in_at = getelementptr i64, ptr %block, i64 10
  %in_words = mul i64 %ins, 3
  %fixed_at = getelementptr i64, ptr %in_at, i64 %in_words
  %fixed_words = mul i64 %fixeds, 2
  %moving_at = getelementptr i64, ptr %fixed_at, i64 %fixed_words
  %moving_words = mul i64 %movings, 4
  %out_at = getelementptr i64, ptr %moving_at, i64 %moving_words
  br label %in
{
    _each(
        "in",
        "%ins",
        "%in_at",
        3,
        "entry",
        "fixed",
        '''  %in.to = load ptr, ptr %in.0
  %in.from = load ptr, ptr %in.1
  %in.bytes = load i64, ptr %in.2
  call void @copy(ptr %in.to, ptr %in.from, i64 %in.bytes)''',
    )
}{_each("fixed", "%fixeds", "%fixed_at", 2, "in", "turn", _STORE.replace("NAME", "fixed"))}turn:
  %t = phi i64 [0, %fixed], [%t1, %turned]
  %unbounded = icmp slt i64 %limit, 0
  %within = icmp slt i64 %t, %limit
  %go = or i1 %unbounded, %within
  br i1 %go, label %moving, label %out
{
    _each(
        "moving",
        "%movings",
        "%moving_at",
        4,
        "turn",
        "moved",
        '''  %moving.slot = load ptr, ptr %moving.0
  %moving.base = load i64, ptr %moving.1
  %moving.stride = load i64, ptr %moving.2
  %moving.mask = load i64, ptr %moving.3
  %moving.t = and i64 %t, %moving.mask
  %moving.far = mul i64 %moving.t, %moving.stride
  %moving.value = add i64 %moving.base, %moving.far
  store i64 %moving.value, ptr %moving.slot''',
    )
}moved:
  %tested = icmp ne ptr %test_at, null
  br i1 %tested, label %testing, label %body
testing:
  %test_status = call i64 @walk(ptr %test_at, i64 0, i64 %tests)
  %test_bad = icmp ne i64 %test_status, 0
  br i1 %test_bad, label %failed, label %asked
asked:
  %flag = load i8, ptr %flag_at
  %over = icmp eq i8 %flag, 0
  br i1 %over, label %out, label %body
body:
  %status = call i64 @walk(ptr %body_at, i64 0, i64 %rows)
  %bad = icmp ne i64 %status, 0
  br i1 %bad, label %failed, label %turned
turned:
  %t1 = add i64 %t, 1
  br label %turn
failed:
  %failure = phi i64 [%test_status, %testing], [%status, %body]
  %code = and i64 %failure, 4294967295
  ret i64 %code
{
    _each(
        "out",
        "%outs",
        "%out_at",
        5,
        "BEFORE",
        "done",
        '''  %out.to = load ptr, ptr %out.0
  %out.base = load ptr, ptr %out.1
  %out.stride = load i64, ptr %out.2
  %out.mask = load i64, ptr %out.3
  %out.bytes = load i64, ptr %out.4
  %out.t = and i64 %t, %out.mask
  %out.far = mul i64 %out.t, %out.stride
  %out.from = getelementptr i8, ptr %out.base, i64 %out.far
  call void @copy(ptr %out.to, ptr %out.from, i64 %out.bytes)''',
    ).replace("[0, %BEFORE]", "[0, %turn], [0, %asked]")
}done:
  ret i64 0
}}
"""

_SWITCH = f"""
define i64 @tg_KEY(ptr %block) nounwind {{
entry:
{_words("index_at fixeds")}
  %fixed_at = getelementptr i64, ptr %block, i64 2
  %fixed_words = mul i64 %fixeds, 2
  %branch_at = getelementptr i64, ptr %fixed_at, i64 %fixed_words
  br label %fixed
{_each("fixed", "%fixeds", "%fixed_at", 2, "entry", "choose", _STORE.replace("NAME", "fixed"))}choose:
  %index = load i64, ptr %index_at
  %far = mul i64 %index, 2
  %chosen = getelementptr i64, ptr %branch_at, i64 %far
  %table = load ptr, ptr %chosen
  %second = getelementptr i64, ptr %chosen, i64 1
  %rows = load i64, ptr %second
  %status = call i64 @walk(ptr %table, i64 0, i64 %rows)
  %code = and i64 %status, 4294967295
  ret i64 %code
}}
"""

CONTROL = {"loop": _COPY + _LOOP, "switch": _SWITCH}
