"""The reference of everything that is not an op: modules of the package, their classes and functions, from docstrings."""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

from engine.makers import COMPOSITES, PUBLIC
from engine.op import OPS
from generate.pages import ROOT, toctree, write
from generate.text import docstring, inline

# Page, module, title; names of the package itself are told by subject.
MODULES = (
    ("nn", "tapegraph.nn", "nn: layers and losses"),
    ("functional", "tapegraph.nn.functional", "nn.functional"),
    ("init", "tapegraph.nn.init", "nn.init"),
    ("nn_utils", "tapegraph.nn.utils", "nn.utils"),
    ("optim", "tapegraph.optim", "optim: optimizers"),
    ("lr_scheduler", "tapegraph.optim.lr_scheduler", "optim.lr_scheduler"),
    ("swa_utils", "tapegraph.optim.swa_utils", "optim.swa_utils"),
    ("data", "tapegraph.data", "data: datasets and loaders"),
    ("linalg", "tapegraph.linalg", "linalg"),
    ("debug", "tapegraph.debug", "debug"),
    ("extend", "tapegraph.extend", "extend: ops of your own"),
    ("testing", "tapegraph.testing", "testing"),
    ("models", "tapegraph.models", "models: reference models"),
)
FEW = 12  # a class with more public methods of its own has a list of them first


def pages() -> None:
    """Write ``reference/api/``: a page for the package itself and one for each of its modules."""
    write("reference/api/tapegraph.md", _package())
    for name, module, title in MODULES:
        write(f"reference/api/{name}.md", _page(module, title))
    names = "tapegraph", *(name for name, _, _ in MODULES)
    write(
        "reference/api.md",
        "# Packages and modules\n\nEverything but the ops: modes, compiling, comparing, layers, optimizers, data, debugging.\n\n"
        + toctree(*(f"api/{name}" for name in names)),
    )


def _package() -> str:
    import tapegraph as tg

    ops = {*tg._public_functions()}
    names = [n for n in tg.__all__ if n not in ops and not n.startswith("__")]
    found = {n: getattr(tg, n) for n in names}
    told = {n: x for n, x in found.items() if callable(x) and not isinstance(x, types.ModuleType) and not _dtype(x)}
    dtypes = ", ".join(f"`tg.{n}`" for n, x in found.items() if _dtype(x))
    parts = [
        "# tapegraph\n",
        f"{inline(tg.__doc__ or '')} The [ops](../ops.md) stand on pages of their own.\n",
        f"Dtypes: {dtypes}. Constants: `tg.e`, `tg.pi`, `tg.inf`, `tg.nan`, `tg.newaxis`.\n",
    ]
    parts += [_entry("tapegraph", n, x) for n, x in sorted(told.items(), key=lambda item: item[0].lower())]
    return "\n".join(parts)


def _dtype(x: Any) -> bool:
    import numpy as np

    return isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic))


def _page(module: str, title: str) -> str:
    found = importlib.import_module(module)
    names = getattr(found, "__all__", None) or [
        n for n, x in vars(found).items() if not n.startswith("_") and getattr(x, "__module__", "") == module
    ]
    file = f"{{source}}`{_file(found)}`"
    parts = [f"# {title}\n", f"{docstring(found.__doc__)}\nDefined in {file}.\n"]
    again = []
    for name in sorted(names, key=str.lower):
        x = getattr(found, name)
        if isinstance(x, types.ModuleType) or not callable(x) or _dtype(x):
            continue
        if is_op(name, x):
            again.append(f"{{py:func}}`{name} <tapegraph.{name}>`")
        else:
            parts.append(_entry(module, name, x))
    if again:
        parts.insert(2, f"The same functions as those of the package: {', '.join(again)}.\n")
    return "\n".join(parts)


def is_op(name: str, x: Any) -> bool:
    """Whether an object is what the package has as an op under this name."""
    known = OPS[name].public if name in OPS and not OPS[name].hidden else None
    if name in COMPOSITES:
        known = COMPOSITES[name].function
    return x is known or x is PUBLIC.get(name)


def _file(x: Any) -> str:
    return str(inspect.getsourcefile(inspect.unwrap(x))).removeprefix(f"{ROOT}/")


def _entry(module: str, name: str, x: Any) -> str:
    kind = "class" if isinstance(x, type) else "function"
    parts = [f"## {name}\n", f"```{{py:{kind}}} {module}.{name}{signature(x)}\n```\n", docstring(inspect.getdoc(x))]
    if isinstance(x, type):
        methods = [(n, m) for n, m in vars(x).items() if not n.startswith("_") and _documented(m)]
        parts += [_method(f"{module}.{name}", n, m) for n, m in methods]
    parts.append(_defined(x))
    return "\n".join(parts)


def _documented(m: Any) -> bool:
    inner = m.fget if isinstance(m, property) else getattr(m, "__func__", m)
    return (isinstance(m, property) or callable(inner)) and bool(inner is not None and inner.__doc__)


def _method(owner: str, name: str, m: Any) -> str:
    if isinstance(m, property):
        return f"```{{py:property}} {owner}.{name}\n```\n{docstring(m.__doc__)}\n"
    inner = getattr(m, "__func__", m)
    return f"```{{py:method}} {owner}.{name}{signature(inner, bound=True)}\n```\n{docstring(inner.__doc__)}\n"


def _defined(x: Any) -> str:
    try:
        line = inspect.getsourcelines(inspect.unwrap(x))[1]
        return f"Defined in {{source}}`{_file(x)}:{line}`.\n"
    except (TypeError, OSError):  # made at run time, such as a named tuple
        return ""


def signature(x: Any, bound: bool = False) -> str:
    """The parameters of a function or class with their defaults, without annotations; "()" where they are not known."""
    try:
        found = list(inspect.signature(x).parameters.values())
    except (TypeError, ValueError):
        return "()"
    if bound and found and found[0].name in ("self", "cls"):
        found = found[1:]
    return str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in found]))
