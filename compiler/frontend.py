"""numba's own front half (bytecode, type inference, lowering), called directly: Python function in, LLVM IR out.

numba's pass pipeline spends most of its time on features kernels do not use (SSA, rewrites, closures, wrappers,
lifetimes). Here its stages run by hand, in the small world of compiler/context.py.
"""

import ast

from llvmlite import ir
from numba import types
from numba.core import bytecode, callconv, funcdesc, interpreter, targetconfig, transforms
from numba.core.compiler import Flags
from numba.core.compiler_lock import global_compiler_lock

from compiler.context import context
from compiler.kernel import FLOAT, POINTER, Kernel, KernelError, Param
from compiler.lowering import Library, Lower, inferred

TYPES = {dtype: getattr(types, dtype) for dtype in ("int8", "int16", "int32", "int64", "float32", "float64")}
TYPES |= {f"uint{bits}": getattr(types, f"uint{bits}") for bits in (8, 16, 32, 64)}
TYPES |= {"bool": types.boolean, "float16": types.uint16}


class _Interpreter(interpreter.Interpreter):
    """Bytecode to numba IR without the repairs for tuples, dicts and `with`, which kernels do not contain."""

    def post_process(self, peepholes, func_ir):
        return func_ir


class _Countdown(ast.NodeTransformer):
    """`for i in range(n)` as a while loop: numba's range is 5x more IR (iterators, steps) for the same loop."""

    def __init__(self):
        self.loops = 0
        self.continued = 0  # `continue` statements so far

    def visit_Continue(self, node):
        self.continued += 1
        return node

    def visit_For(self, node):
        before = self.continued
        self.generic_visit(node)
        simple = isinstance(node.iter, ast.Call) and getattr(node.iter.func, "id", "") == "range"
        if not simple or node.orelse or self.continued > before:
            return node
        bounds = node.iter.args
        if len(bounds) > 2 or node.iter.keywords:
            return node
        self.loops += 1
        count, stop = f"count_{self.loops}", f"stop_{self.loops}"
        start = bounds[0] if len(bounds) == 2 else ast.Constant(0)
        head = ast.parse(f"{stop} = 0; {count} = 0\nwhile {count} < {stop}:\n    i = {count}\n    {count} += 1").body
        head[0].value, head[1].value = bounds[-1], start
        assign, advance = head[2].body
        assign.targets = [node.target]
        head[2].body = [assign, *node.body, advance]
        return head


def numba_type(param: Param):
    """The numba type of a parameter inside a kernel."""
    ty = TYPES[param.dtype]
    return types.CPointer(ty) if param.kind == POINTER else ty


def lower(kernel: Kernel, namespace: dict) -> tuple[ir.Module, list]:
    """The kernel's body as an unoptimised module with one internal function `body`, and the modules it calls into."""
    tree = ast.fix_missing_locations(_Countdown().visit(ast.parse(kernel.text)))
    scope = dict(namespace)
    exec(compile(tree, f"<kernel {kernel.key[:12]}>", "exec"), scope)
    try:
        module, libraries = _lower(scope["kernel"], tuple(numba_type(p) for p in kernel.params))
    except Exception as error:  # numba raises NotImplementedError, AttributeError ... where it has no answer
        raise KernelError(f"numba cannot compile this kernel:\n{kernel.text}\n{error}") from error
    body = module.globals["body"]
    for param, argument in zip(kernel.params, body.args[2:], strict=True):
        if param.kind == POINTER and not param.alias:
            argument.add_attribute("noalias")
    return module, libraries


def _lower(function, args):
    flags = Flags()
    flags.error_model = "numpy"
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_rewrites = True
    flags.nrt = flags.boundscheck = flags.enable_looplift = False
    with global_compiler_lock, targetconfig.ConfigStack().enter(flags):
        target = context()
        typing = target.typing_context
        code = _Interpreter(bytecode.FunctionIdentity.from_function(function))
        blocks = code.interpret(bytecode.ByteCode(code.func_id))
        blocks.blocks = transforms.canonicalize_cfg(blocks.blocks)
        blocks.generator_info = None
        typemap, return_type, calltypes = inferred(typing, target, blocks, args)
        described = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            blocks,
            typemap,
            return_type,
            calltypes,
            mangler=lambda name, *_, **__: "environment" if "NumbaEnv" in name else "body",
            inline=False,
            noalias=False,
            abi_tags=[],
        )
        library = Library()
        local = target.subtarget(error_model=callconv.create_error_model("numpy", target))
        with local.push_code_library(library):
            Lower(local, library, described, blocks, metadata={}).lower()
    return library.raw, [linked._get_module_for_linking() for linked in library.linked]


def entry(kernel: Kernel, module: ir.Module, name: str) -> None:
    """Add `int64 name(int64* block)` to the module: decode the slots of the block, call the body."""
    i64, i32 = ir.IntType(64), ir.IntType(32)
    body = module.globals["body"]
    function = ir.Function(module, ir.FunctionType(i64, [i64.as_pointer()]), name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    result = builder.alloca(i64)
    exception = builder.alloca(body.args[1].type.pointee)
    values = []
    for slot, (param, argument) in enumerate(zip(kernel.params, body.args[2:], strict=True)):
        place = builder.gep(function.args[0], [ir.Constant(i64, slot)])
        value = builder.load(place)
        if param.kind == POINTER:
            value = builder.inttoptr(value, argument.type)
        elif param.kind == FLOAT:
            value = builder.trunc(value, i32) if param.dtype == "float32" else value
            value = builder.bitcast(value, argument.type)
        values.append(value)
    raised = builder.call(body, [result, exception, *values])
    clean = builder.icmp_unsigned("==", raised, ir.Constant(i32, 0))
    builder.ret(builder.select(clean, builder.load(result), ir.Constant(i64, -1)))
