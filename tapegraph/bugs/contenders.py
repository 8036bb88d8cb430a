"""Who takes part: an idiom, what is switched on before a program runs, and the documented way to a warning's values."""

from __future__ import annotations

from dataclasses import dataclass

HEADERS = {
    "tapegraph": """\
import numpy as np

import tapegraph as tg
from tapegraph import nn, optim

tg.manual_seed(0)
""",
    "torch": """\
import numpy as np
import torch
from torch import nn, optim

torch.manual_seed(0)
""",
    "jax": """\
import jax
import jax.numpy as jnp
import numpy as np

""",
    "tensorflow": """\
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
""",
    "pytensor": """\
import numpy as np
import pytensor
import pytensor.tensor as pt

pytensor.config.floatX = "float32"
""",
}


# Imported before the clock runs; frameworks import most of these on first use. The first is what has to be installed.
IMPORTS = {
    "tapegraph": (
        *(
            "tapegraph",
            "tapegraph.nn",
            "tapegraph.optim",
            "tapegraph.function",
            "tapegraph.define",
            "tapegraph.version",
        ),
        *("numba", "compiler.pipeline", "compiler.runtime", "compiler.closing"),
        *("compiler.frontend", "compiler.lowering", "compiler.context", "compiler.library", "compiler.toolchain"),
    ),
    "torch": ("torch", "torch._dynamo", "torch._inductor.compile_fx", "torch._inductor.codecache"),
    "jax": ("jax", "jax.numpy", "jax.debug"),
    "tensorflow": ("tensorflow", "keras"),
    "pytensor": ("pytensor", "pytensor.tensor", "numba", "pytensor.link.numba.dispatch"),
}


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    ``switches``: run before a program, what the framework's manual says to
    switch on. ``notices``: an expression for the values of the last warning by name, where the manual has such a thing.
    ``rewrites``: whether a graph is rewritten and compiled, so that this can go wrong.
    """

    name: str
    idiom: str
    switches: str = ""
    debug: bool = False
    notices: str = "{}"
    rewrites: bool = True
    level: str = ""

    @property
    def imports(self) -> tuple[str, ...]:
        return IMPORTS[self.idiom]

    def written(self, program: str) -> str:
        """The program as this contender's users write it."""
        if self.name.startswith("torch") and not self.rewrites:
            return program.replace("@torch.compile\n", "")
        return program


def _ours(mode: str, level: str) -> Contender:
    switches = f"import tapegraph as tg\ntg.debug.set_level({level!r})\nheld = tg.mode({mode!r})\nheld.__enter__()\n"
    name = mode if level == "default" else f"{mode} {level}"
    return Contender(
        name,
        "tapegraph",
        switches,
        level != "default",
        "tg.debug.last().values",
        rewrites=mode == "static",
        level=level,
    )


_ANOMALY = "import torch\ntorch.autograd.set_detect_anomaly(True)\n"
_NANS = 'import jax\njax.config.update("jax_debug_nans", True)\njax.config.update("jax_debug_infs", True)\n'
_LEAKS = 'jax.config.update("jax_check_tracer_leaks", True)\n'
_NUMERICS = "import tensorflow as tf\ntf.debugging.enable_check_numerics()\n"
_NAN_GUARD = (
    "import pytensor\n"
    'pytensor.config.mode = "NanGuardMode"\n'
    'pytensor.config.exception_verbosity = "high"\n'
    "pytensor.config.traceback__limit = 20\n"
)
CONTENDERS = {
    contender.name: contender
    for contender in (
        *(_ours(mode, level) for level in ("default", "checked", "off") for mode in ("eager", "static")),
        Contender("torch", "torch", rewrites=False),
        Contender("torch anomaly", "torch", _ANOMALY, True, rewrites=False),
        Contender("torch.compile", "torch"),
        Contender("torch.compile anomaly", "torch", _ANOMALY, True),
        Contender("jax", "jax"),
        Contender("jax debug_nans", "jax", _NANS + _LEAKS, True),
        Contender("jax no jit", "jax", _NANS + 'jax.config.update("jax_disable_jit", True)\n', True, rewrites=False),
        Contender("tensorflow", "tensorflow"),
        Contender("tensorflow check_numerics", "tensorflow", _NUMERICS, True),
        Contender(
            "tensorflow eagerly",
            "tensorflow",
            _NUMERICS + "tf.config.run_functions_eagerly(True)\n",
            True,
            rewrites=False,
        ),
        Contender("pytensor", "pytensor"),
        Contender("pytensor NanGuard", "pytensor", _NAN_GUARD, True),
    )
}
PEERS = ("torch", "torch.compile", "jax", "tensorflow", "pytensor")


def chosen(peers: list[str], levels: list[str]) -> list[Contender]:
    """Both of our modes at these levels, and each peer as it is and with its switches."""
    found = [c for c in CONTENDERS.values() if c.idiom == "tapegraph" and c.level in levels]
    for peer in peers:
        found += [c for c in CONTENDERS.values() if c.name == peer or c.name.startswith(f"{peer} ")]
    return found
