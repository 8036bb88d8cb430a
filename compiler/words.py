"""A small language for drivers: Python's syntax over 64-bit words, translated to LLVM's text.

It needs no numba, which kernels do. Everything is a word: a number, or an address ``p`` whose words are ``p[0]``,
``p[1]`` .. . There are functions, ``if``, ``while``, ``break``, and the words of ATOMIC and below:

    call(f, block)    runs the kernel at an address     stack(n)    room for n words until the function returns
    address(f)        of a function of the same text    pause()     tells the processor that this loop waits
    least(a, b)       the smaller of two                rest()      lets another thread have this processor
    most(a, b)        the larger

Division and remainder take their operands as unsigned, comparisons as signed; ``and`` and ``or`` evaluate both sides.
"""

from __future__ import annotations

import ast

OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "udiv",
    ast.Mod: "urem",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.LShift: "shl",
    ast.RShift: "lshr",
    ast.And: "and",
    ast.Or: "or",
}
COMPARISONS = {ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge", ast.Eq: "eq", ast.NotEq: "ne"}
# Every thread sees these in one order. The value is the word of before, except that of ``claim``: whether it happened.
ATOMIC = {
    "read": "load atomic i64, ptr {0} seq_cst, align 8",
    "write": "store atomic i64 {1}, ptr {0} seq_cst, align 8",
    "increase": "atomicrmw add ptr {0}, i64 {1} seq_cst",
    "lower": "atomicrmw umin ptr {0}, i64 {1} seq_cst",
    "swap": "atomicrmw xchg ptr {0}, i64 {1} seq_cst",
    "claim": "cmpxchg ptr {0}, i64 {1}, i64 {2} seq_cst seq_cst",
}


def translate(text: str, triple: str) -> str:
    """An LLVM module. ``kernel`` becomes ``int64 tg_KEY(int64* block)``; what is called but not defined is declared."""
    module = ast.parse(text)
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    known = {f.name for f in functions}
    declared: dict[str, str] = {}
    waits = {"pause": _pause(triple), "rest": _rest(triple)}
    bodies = [_Function(f, known, declared, waits).lines for f in functions]
    return "\n".join([*declared.values(), *(line for body in bodies for line in body), ""])


def _pause(triple: str) -> tuple[str, str]:
    match triple.split("-")[0]:
        case "x86_64":
            return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
        case "aarch64" | "arm64":
            return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", "fence seq_cst"


def _rest(triple: str) -> tuple[str, str]:
    name = "SwitchToThread" if "windows" in triple else "sched_yield"
    return f"declare void @{name}()", f"call void @{name}()"  # it says whether anybody wanted to


class _Function:
    """One function; variables live on the stack until LLVM puts them into registers."""

    def __init__(
        self, function: ast.FunctionDef, known: set[str], declared: dict[str, str], waits: dict[str, tuple[str, str]]
    ) -> None:
        self.known, self.declared, self.waits = known, declared, waits
        self.count = 0
        self.ends: list[str] = []  # where break leads
        names = [a.arg for a in function.args.args]
        self.variables = dict.fromkeys(names)
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.variables.setdefault(node.id)
        self.entry = [f"  %{name} = alloca i64" for name in self.variables]
        self.body = [f"  store i64 %{name}.in, ptr %{name}" for name in names]
        self._block(function.body)
        if not isinstance(function.body[-1], ast.Return):
            self.body.append("  ret i64 0")
        visible = "@tg_KEY" if function.name == "kernel" else f"@{function.name}"
        linkage = "" if function.name == "kernel" else "internal "
        head = f"define {linkage}i64 {visible}({', '.join(f'i64 %{n}.in' for n in names)}) nounwind {{"
        self.lines = [head, *self.entry, *self.body, "}"]

    # ------------------------------------------------------------------------------------ statements

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.body.append(f"  store i64 {self._value(node.value)}, ptr %{name}")
            case ast.Assign(targets=[ast.Subscript() as place]):
                value = self._value(node.value)
                self.body.append(f"  store i64 {value}, ptr {self._place(place)}")
            case ast.If():
                then, other, end = self._label(), self._label(), self._label()
                self._branch(node.test, then, other)
                self._inside(then, node.body, end)
                self._inside(other, node.orelse, end)
                self.body.append(f"{end}:")
            case ast.While():
                test, body, end = self._label(), self._label(), self._label()
                self.body += [f"  br label %{test}", f"{test}:"]
                self._branch(node.test, body, end)
                self.ends.append(end)
                self._inside(body, node.body, test)
                self.ends.pop()
                self.body.append(f"{end}:")
            case ast.Return():
                self.body.append(f"  ret i64 {self._value(node.value) if node.value else 0}")
            case ast.Break():
                self.body.append(f"  br label %{self.ends[-1]}")
            case ast.Expr():
                self._value(node.value)
            case _:
                raise SyntaxError(f"a driver cannot say {ast.unparse(node)!r}")

    def _inside(self, label: str, statements: list[ast.stmt], then: str) -> None:
        self.body.append(f"{label}:")
        self._block(statements)
        if not (statements and isinstance(statements[-1], ast.Return | ast.Break)):
            self.body.append(f"  br label %{then}")

    def _branch(self, test: ast.expr, then: str, other: str) -> None:
        flag = self._new(f"icmp ne i64 {self._value(test)}, 0")
        self.body.append(f"  br i1 {flag}, label %{then}, label %{other}")

    # ------------------------------------------------------------------------------------ expressions

    def _label(self) -> str:
        self.count += 1
        return f"L{self.count}"

    def _new(self, instruction: str) -> str:
        self.count += 1
        self.body.append(f"  %v{self.count} = {instruction}")
        return f"%v{self.count}"

    def _pointer(self, address: str) -> str:
        return self._new(f"inttoptr i64 {address} to ptr")

    def _place(self, node: ast.Subscript) -> str:
        base, index = self._value(node.value), self._value(node.slice)
        return self._new(f"getelementptr i64, ptr {self._pointer(base)}, i64 {index}")

    def _value(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=int(value)):
                return str(value)
            case ast.Name(id=name):
                return self._new(f"load i64, ptr %{name}")
            case ast.BinOp(left=left, op=op, right=right):
                return self._new(f"{OPERATORS[type(op)]} i64 {self._value(left)}, {self._value(right)}")
            case ast.BoolOp(op=op, values=[first, *rest]):
                found = self._value(first)
                for value in rest:
                    found = self._new(f"{OPERATORS[type(op)]} i64 {found}, {self._value(value)}")
                return found
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                flag = self._new(f"icmp {COMPARISONS[type(op)]} i64 {self._value(left)}, {self._value(right)}")
                return self._new(f"zext i1 {flag} to i64")
            case ast.Subscript():
                return self._new(f"load i64, ptr {self._place(node)}")
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
        raise SyntaxError(f"a driver cannot say {ast.unparse(node)!r}")

    def _call(self, name: str, args: list[ast.expr]) -> str:
        if name == "address":
            return self._new(f"ptrtoint ptr @{ast.unparse(args[0])} to i64")
        if name == "stack":
            self.count += 1
            self.entry.append(f"  %v{self.count} = alloca [{ast.unparse(args[0])} x i64], align 16")
            return self._new(f"ptrtoint ptr %v{self.count} to i64")
        if name in self.waits:
            self.declared[name], instruction = self.waits[name]
            self.body.append(f"  {instruction}")
            return "0"
        values = [self._value(a) for a in args]
        if name in ATOMIC:
            instruction = ATOMIC[name].format(self._pointer(values[0]), *values[1:])
            if name == "write":
                self.body.append(f"  {instruction}")
                return "0"
            found = self._new(instruction)
            if name == "claim":
                found = self._new(f"zext i1 {self._new(f'extractvalue {{ i64, i1 }} {found}, 1')} to i64")
            return found
        if name in ("least", "most"):
            flag = self._new(f"icmp {'slt' if name == 'least' else 'sgt'} i64 {values[0]}, {values[1]}")
            return self._new(f"select i1 {flag}, i64 {values[0]}, i64 {values[1]}")
        typed = [f"i64 {value}" for value in values]
        if name == "call":
            return self._new(f"call i64 {self._pointer(values[0])}({', '.join(typed[1:])})")
        if name not in self.known:
            self.declared.setdefault(name, f"declare i64 @{name}({', '.join(['i64'] * len(values))})")
        return self._new(f"call i64 @{name}({', '.join(typed)})")
