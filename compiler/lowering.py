"""numba's type inference and lowering, less what kernels never need: warnings, memory for every variable, libraries."""

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors, lowering, typeinfer
from numba.core import ir as numba_ir

from compiler.machine import data_layout, processor


class Library:
    """Takes the module as lowered; LLVM itself is not called, so that it can work on another kernel at that time."""

    def __init__(self):
        self.linked = []

    def create_ir_module(self, name):
        module = ir.Module(name)
        module.triple, module.data_layout = processor()[0], data_layout()
        return module

    def add_ir_module(self, module):
        self.raw = module

    def add_linking_library(self, library):
        self.linked.append(library)


class _Constraints(typeinfer.ConstraintNetwork):
    """numba's, without watching for warnings at each of them."""

    def propagate(self, infer):
        mistakes = []
        for constraint in self.constraints:
            try:
                constraint(infer)
            except errors.TypingError as mistake:
                mistakes.append(mistake)
        return mistakes


def inferred(typing, target, blocks, args):
    """The types of a kernel's variables, result and calls."""
    infer = typeinfer.TypeInferer(typing, blocks, errors.WarningsFixer(errors.NumbaWarning))
    infer.constraints = _Constraints()
    with typing.callstack.register(target.target, infer, blocks.func_id, args):
        for index, (name, ty) in enumerate(zip(blocks.arg_names, args, strict=True)):
            infer.seed_argument(name, index, ty)
        infer.seed_return(types.int64)
        infer.build_constraint()
        infer.propagate()
        return infer.unify()


class Lower(lowering.Lower):
    """numba's lowering without debug records, references, a second typing of constant operands, or indirection at a[i].

    A variable assigned once and used in that block only, and a parameter assigned by the call only, have no memory.
    """

    def _find_singly_assigned_variable(self):
        home, lasting, arguments = {}, set(), set()
        for label, block in self.blocks.items():
            for statement in block.body:
                target = statement.target.name if isinstance(statement, numba_ir.Assign) else None
                for name in {variable.name for variable in statement.list_vars()} - {target}:
                    if home.get(name) != label:
                        lasting.add(name)
                if target in home:
                    lasting.add(target)
                    arguments.discard(target)
                elif target is not None:
                    home[target] = label
                    if isinstance(statement.value, numba_ir.Arg):
                        arguments.add(target)
        self._singly_assigned_vars = (home.keys() - lasting) | arguments
        self._blk_local_varmap = {}

    def pre_block(self, block):
        self._cur_ir_block = block

    def storevar(self, value, name, argidx=None):
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self._alloca_var(name, self.typeof(name))
            self.builder.store(value, self.getvar(name))

    def lower_binop(self, result_type, expr, operator):
        function = self.context.typing_context.resolve_value_type(operator)
        sig = self.fndesc.calltypes[expr]
        # x += y is typed as iadd and lowered as add, which has to know these types too
        self.context.typing_context.resolve_function_type(function, sig.args, {})
        operands = [
            self.context.cast(self.builder, self.loadvar(side.name), self.typeof(side.name), ty)
            for side, ty in zip((expr.lhs, expr.rhs), sig.args, strict=True)
        ]
        result = self.context.get_function(function, sig)(self.builder, operands)
        return self.context.cast(self.builder, result, sig.return_type, result_type)

    def _place(self, pointer, index):
        index = self.context.cast(self.builder, self.loadvar(index.name), self.typeof(index.name), types.int64)
        return self.builder.gep(self.loadvar(pointer.name), [index])

    def lower_getitem(self, result_type, expr, value, index, signature):
        loaded = self.builder.load(self._place(value, index))
        if signature.return_type == types.boolean:  # numba takes the stored byte for an i1
            loaded = self.builder.icmp_unsigned("!=", loaded, loaded.type(0))
        return self.context.cast(self.builder, loaded, signature.return_type, result_type)

    def lower_setitem(self, target, index, value, signature):
        element = self.typeof(target.name).dtype
        stored = self.context.cast(self.builder, self.loadvar(value.name), self.typeof(value.name), element)
        if element == types.boolean:
            stored = self.builder.zext(stored, ir.IntType(8))
        self.builder.store(stored, self._place(target, index))

    def alloca_lltype(self, name, lltype, datamodel=None):
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)
