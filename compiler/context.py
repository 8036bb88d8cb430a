"""The part of numba's knowledge that kernels need: numbers, comparisons, casts and loops; what it decides is remembered.

numba's own two contexts load arrays, strings, dicts, random numbers and SciPy's BLAS on first use (0.5 s), and resolve
the same operator on the same types anew at every occurrence. These load in 10 ms and look up each decision once.
"""

from functools import cache

import numba.cpython.builtins
import numba.cpython.numbers
import numba.cpython.rangeobj  # noqa: F401 - importing these modules registers what they implement
from numba.core import types, typing
from numba.core.cpu import CPUContext
from numba.core.extending import _Intrinsic
from numba.core.typing import templates


class _Word(templates.AbstractTemplate):
    """An @intrinsic as this module uses it: its definition is asked for a type and an emitter, nothing is registered."""

    def generic(self, args, kws):
        sig, emit = self.definition(self.context, *(types.unliteral(arg) for arg in args), **kws)
        self.emitters[sig.args] = emit
        return sig

    def get_impl_key(self, sig):
        return sig.args


def _word(value: _Intrinsic) -> type[_Word]:
    namespace = {"key": value, "definition": staticmethod(value._defn), "emitters": {}}
    return type(value._name, (_Word,), namespace)


class Typing(typing.Context):
    """Type rules, without those of arrays and other containers."""

    def __init__(self):
        self.values, self.resolved = {}, {}
        super().__init__()

    def load_additional_registries(self):
        """Nothing beyond numba's built-in numbers."""

    def install_registry(self, registry):
        """All but the overloaded attributes of containers: setting those up makes numba load all the rest."""
        loader = self._registries.setdefault(registry, templates.RegistryLoader(registry))
        for attributes in loader.new_registrations("attributes"):
            if not issubclass(attributes, templates._OverloadAttributeTemplate):
                self.insert_attributes(attributes(self))
        super().install_registry(registry)

    def resolve_value_type(self, value):
        if not callable(value):
            return super().resolve_value_type(value)
        if value not in self.values:
            made = types.Function(_word(value)) if isinstance(value, _Intrinsic) else None
            self.values[value] = made or super().resolve_value_type(value)
        return self.values[value]

    def resolve_function_type(self, function, args, kws):
        key = (function, tuple(args), tuple(sorted(kws.items())) if kws else ())
        if (found := self.resolved.get(key)) is None:
            found = self.resolved[key] = super().resolve_function_type(function, args, kws)
        return found


class Target(CPUContext):
    """Implementations, without those of arrays and other containers."""

    implementations: dict = {}

    def load_additional_registries(self):
        """Nothing beyond numba's built-in numbers."""

    def post_lowering(self, mod, library):
        """No memory manager to link with: kernels do not allocate."""

    def get_function(self, fn, sig, _firstcall=True):
        key = (fn, sig)
        word = fn.templates[0] if isinstance(fn, types.Function) else None
        if isinstance(word, type) and issubclass(word, _Word):
            emit = word.emitters[sig.args]
            return lambda builder, args, loc=None: emit(self, builder, sig, args)
        if (found := self.implementations.get(key)) is None:
            found = self.implementations[key] = super().get_function(fn, sig, _firstcall)
        found._context = self  # the wrapper holds the context of the kernel it was found for
        return found


@cache
def context() -> Target:
    """The one target context of this process, with its typing context."""
    target = Target(Typing(), "cpu")
    target.refresh()
    return target
