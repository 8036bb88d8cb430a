"""A whole call in LLVM's language: checks, addresses, results and the walk, as a function object of CPython.

``self`` is an int64 array, the call's record: the words of HEADER, then for each input (dtype, rank, number of words
that hold its address, room for the array while it runs; its sizes; those words: (address, bytes to add)), for each state
that changes its array, for each state whose gradient matters (address of ``_grad``, whether one was there), for each
gradient kept (address of ``_grad``, what it becomes), for each result what an input has, but where a large one is kept
(compiler/results.py) or 0 in place of the room, for each array to be looked at what ``Recorder.tests`` says.

Whatever does not fit (another shape, a state held by others, a bad status) makes the call return None, with no state
and no gradient changed: the caller then goes the plain way, which also finds the right error. Where somebody must look
at the results (compiler/recorder.py), it returns None as well, and leaves them in the recorder's slot.
"""

import re

from compiler.objects import C_CONTIGUOUS, DATA, DESCR, DIMS, FLAGS, RANK, TYPE
from compiler.quick_parts import HOLD, KEEP, LOG, POINT, SPARE, following, load, loop
from compiler.recorder import BAD, CAPACITY, LOOKING, MASK, POSITION
from compiler.survey import LOOK

HEADER = "walk table first last stamp_at stamp array_type handle_type none create"
HEADER += " inputs states grads kept results single watched log ring slot tests"


def _header() -> str:
    numbers = {"table", "first", "last", "inputs", "states", "grads", "kept", "results", "single", "watched", "tests"}
    lines = [load("record", "self", DATA)]
    for number, name in enumerate(HEADER.split()):
        kind = "i64" if name in numbers else "ptr"
        lines.append(load(name, "record", 8 * number, kind))
    lines.append(f"  %body = getelementptr i64, ptr %record, i64 {len(HEADER.split())}")
    return "\n".join(lines)


# VALUE_AT and RECORD_AT are where a handle keeps its array and the record on the tape.
_INPUT = f"""  %object.p = getelementptr ptr, ptr %args, i64 %input.i
  %object = load ptr, ptr %object.p
{load("type", "object", TYPE)}
  %wrapped = icmp eq ptr %type, %handle_type
  br i1 %wrapped, label %inside, label %outside
inside:
{load("value", "object", "VALUE_AT")}
  %some = icmp ne ptr %value, null
  br i1 %some, label %outside, label %decline
outside:
  %array = phi ptr [%object, %input.do], [%value, %inside]
{load("array.type", "array", TYPE)}
  %is_array = icmp eq ptr %array.type, %array_type
  br i1 %is_array, label %described, label %decline
described:
{load("descr", "array", DESCR)}
{load("descr.wanted", "input.at", 0)}
{load("rank32", "array", RANK, "i32")}
{load("rank.wanted", "input.at", 8, "i64")}
{load("flags", "array", FLAGS, "i32")}
  %rank = zext i32 %rank32 to i64
  %flag = and i32 %flags, {C_CONTIGUOUS}
  %same_descr = icmp eq ptr %descr, %descr.wanted
  %same_rank = icmp eq i64 %rank, %rank.wanted
  %dense = icmp ne i32 %flag, 0
  %fits1 = and i1 %same_descr, %same_rank
  %fits = and i1 %fits1, %dense
  br i1 %fits, label %shaped, label %decline
shaped:
{load("dims", "array", DIMS)}
{load("uses", "input.at", 16, "i64")}
  %room = getelementptr i64, ptr %input.at, i64 3
  store ptr %array, ptr %room
  %size.begin = getelementptr i64, ptr %input.at, i64 4
  br label %size
{
    loop(
        "size",
        "%rank",
        "%size.begin",
        "shaped",
        "placed",
        f'''  %found.p = getelementptr i64, ptr %dims, i64 %size.i
  %found = load i64, ptr %found.p
  %wanted = load i64, ptr %size.at
  %equal = icmp eq i64 %found, %wanted
  br i1 %equal, label %size.equal, label %decline
size.equal:
{following("size", 1)}''',
    )
}placed:
  %input.next = call ptr @point(ptr %array, ptr %size.at, i64 %uses)
  br label %input.end
input.end:"""

_RESULT = f"""{load("dtype", "result.at", 0)}
{load("depth", "result.at", 8, "i64")}
{load("places", "result.at", 16, "i64")}
  %sizes = getelementptr i64, ptr %result.at, i64 4
  %depth32 = trunc i64 %depth to i32
{load("kept.at", "result.at", 24)}
  %large = icmp ne ptr %kept.at, null
  br i1 %large, label %result.large, label %result.new
result.large:
  %spare = call ptr @spare(ptr %kept.at, ptr %array_type, ptr %dtype, i64 %depth, ptr %sizes)
  %spared = icmp ne ptr %spare, null
  br i1 %spared, label %result.made, label %result.new
result.new:
  call void @Py_IncRef(ptr %dtype)
  %new = call ptr %create(
    ptr %array_type, ptr %dtype, i32 %depth32, ptr %sizes, ptr null, ptr null, i32 0, ptr null)
  %was_made = icmp ne ptr %new, null
  br i1 %was_made, label %result.fresh, label %no_memory
result.fresh:
  br i1 %large, label %result.keep, label %result.made
result.keep:
  call void @keep(ptr %kept.at, ptr %new)
  br label %result.made
result.made:
  %made = phi ptr [%spare, %result.large], [%new, %result.fresh], [%new, %result.keep]
  %handle = call ptr @PyType_GenericAlloc(ptr %handle_type, i64 0)
  %was_wrapped = icmp ne ptr %handle, null
  br i1 %was_wrapped, label %result.wrapped, label %no_memory
result.wrapped:
  %handle.value = getelementptr i8, ptr %handle, i64 VALUE_AT
  store ptr %made, ptr %handle.value
  %handle.record = getelementptr i8, ptr %handle, i64 RECORD_AT
  call void @Py_IncRef(ptr %none)
  store ptr %none, ptr %handle.record
  %places.begin = getelementptr i64, ptr %sizes, i64 %depth
  %result.next = call ptr @point(ptr %made, ptr %places.begin, i64 %places)
  br i1 %alone, label %result.alone, label %result.one
result.alone:
  store ptr %handle, ptr %answer
  br label %result.end
result.one:
  %tuple = load ptr, ptr %answer
  %ignored = call i32 @PyTuple_SetItem(ptr %tuple, i64 %result.i, ptr %handle)
  br label %result.end
result.end:"""

_TEST = f"""{load("number", "test.at", 0, "i64")}
{load("test.data", "test.at", 8)}
{load("test.count", "test.at", 16, "i64")}
{load("test.kind", "test.at", 24, "i64")}
{load("when", "test.at", 32, "i64")}
  %each_time = icmp eq i64 %when, 1
  %if_looking = icmp eq i64 %when, 2
  %looking_now = and i1 %if_looking, %is_looking
  %often = or i1 %each_time, %looking_now
  %wanted_now = or i1 %often, %at_first
  br i1 %wanted_now, label %test.now, label %test.end
test.now:
  %is_result = icmp sge i64 %number, 0
  br i1 %is_result, label %test.result, label %test.look
test.result:
  br i1 %alone, label %test.handle, label %test.item
test.item:
  %item = call ptr @PyTuple_GetItem(ptr %answered, i64 %number)
  br label %test.handle
test.handle:
  %tested = phi ptr [%answered, %test.result], [%item, %test.item]
{load("tested.value", "tested", "VALUE_AT")}
{load("tested.data", "tested.value", DATA)}
  br label %test.look
test.look:
  %looked_at = phi ptr [%test.data, %test.now], [%tested.data, %test.handle]
  %bad = call i1 @look(ptr %looked_at, ptr null, i64 %test.count, i64 %test.kind)
  br i1 %bad, label %stash, label %test.end
test.end:
  %test.next = getelementptr i64, ptr %test.at, i64 5"""

_CALL = f"""
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)

define ptr @tg_KEY(ptr %self, ptr %args, i64 %count) nounwind {{
entry:
  %answer = alloca ptr
  store ptr null, ptr %answer
{_header()}
  %stamp.now = load ptr, ptr %stamp_at
  %unchanged = icmp eq ptr %stamp.now, %stamp
  %as_many = icmp eq i64 %count, %inputs
  %ready = and i1 %unchanged, %as_many
  %alone = icmp ne i64 %single, 0
  br i1 %ready, label %input, label %decline
{loop("input", "%inputs", "%body", "entry", "state", _INPUT)}{
    loop(
        "state",
        "%states",
        "%input.at",
        "input",
        "grad",
        f'''  %held = load ptr, ptr %state.at
  %owners = load i64, ptr %held
  %sole = icmp eq i64 %owners, 1
  br i1 %sole, label %state.sole, label %decline
state.sole:
{following("state", 1)}''',
    )
}{
    loop(
        "grad",
        "%grads",
        "%state.at",
        "state",
        "prepare",
        f'''{load("place", "grad.at", 0)}
{load("there", "grad.at", 8, "i64")}
  %gradient = load ptr, ptr %place
  %is_some = icmp ne ptr %gradient, %none
  %was_some = icmp ne i64 %there, 0
  %as_traced = icmp eq i1 %is_some, %was_some
  br i1 %as_traced, label %grad.fresh, label %decline
grad.fresh:
{following("grad", 2)}''',
    )
}prepare:
  %keep.words = shl i64 %kept, 1
  %results.begin = getelementptr i64, ptr %grad.at, i64 %keep.words
  br i1 %alone, label %make, label %several
several:
  %tuple.new = call ptr @PyTuple_New(i64 %results)
  store ptr %tuple.new, ptr %answer
  %tuple.made = icmp ne ptr %tuple.new, null
  br i1 %tuple.made, label %make, label %no_memory
make:
  br label %result
{loop("result", "%results", "%results.begin", "make", "run", _RESULT)}run:
  call void @hold(ptr %body, i64 %inputs, ptr @Py_IncRef)
  %thread = call ptr @PyEval_SaveThread()
  %status = call i64 %walk(i64 %table, i64 %first, i64 %last)
  call void @PyEval_RestoreThread(ptr %thread)
  call void @hold(ptr %body, i64 %inputs, ptr @Py_DecRef)
  %answered = load ptr, ptr %answer
  %clean = icmp eq i64 %status, 0
  br i1 %clean, label %keep, label %failed
failed:
  call void @Py_DecRef(ptr %answered)
  br label %decline
{
    loop(
        "keep",
        "%kept",
        "%grad.at",
        "run",
        "done",
        f'''{load("home", "keep.at", 0)}
{load("left", "keep.at", 8)}
  %before = load ptr, ptr %home
  call void @Py_IncRef(ptr %left)
  store ptr %left, ptr %home
  call void @Py_DecRef(ptr %before)
{following("keep", 2)}''',
    )
}done:
  %is_watched = icmp ne i64 %watched, 0
  br i1 %is_watched, label %logging, label %answering
logging:
{load("position", "log", 8 * POSITION, "i64")}
{load("capacity", "log", 8 * CAPACITY, "i64")}
{load("mask", "log", 8 * MASK, "i64")}
{load("looking", "log", 8 * LOOKING, "i64")}
  %is_looking = icmp ne i64 %looking, 0
  %at_first = icmp eq i64 %position, 0
  %position1 = add i64 %position, 1
  %position2 = and i64 %position1, %mask
  store i64 %position2, ptr %position.p
  %recording = icmp ne ptr %ring, null
  br i1 %recording, label %log.feeds, label %logged
log.feeds:
  %before_row = mul i64 %position, %inputs
  %row = getelementptr ptr, ptr %ring, i64 %before_row
  call void @log(ptr %body, i64 %inputs, ptr %row)
  br label %logged
logged:
  br label %test
{loop("test", "%tests", "%result.at", "logged", "tested_all", _TEST)}tested_all:
  %full = icmp eq i64 %position2, %capacity
  br i1 %full, label %stash, label %answering
stash:
  %found_bad = phi i64 [1, %test.look], [0, %tested_all]
  %bad.p = getelementptr i64, ptr %log, i64 {BAD}
  store i64 %found_bad, ptr %bad.p
  %left_before = load ptr, ptr %slot
  store ptr %answered, ptr %slot
  call void @Py_DecRef(ptr %left_before)
  br label %decline
answering:
  ret ptr %answered
decline:
  call void @Py_IncRef(ptr %none)
  ret ptr %none
no_memory:
  %unfinished = load ptr, ptr %answer
  %begun = icmp ne ptr %unfinished, null
  br i1 %begun, label %drop, label %raised
drop:
  call void @Py_DecRef(ptr %unfinished)
  br label %raised
raised:
  ret ptr null
}}
"""

TEXT = POINT + HOLD + LOG + SPARE + KEEP + LOOK + _CALL
PYTHON_API = re.findall(r"^declare .* @(\w+)\(", TEXT, re.MULTILINE)
