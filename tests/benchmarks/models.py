"""The training step of each model in ``tapegraph.models``, beside PyTorch's; see ``tapegraph bench --workload``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(
    0, str(Path(__file__).parents[2])
)  # the processes of peers find nothing of this repository by themselves

from tapegraph.models import REFERENCE

# Most of them train with Adam, which moves a parameter as far for a gradient of rounding noise as for any other.
CASES = {name.replace(" ", "-"): {"model": name, "tolerance": 0.02} for name in REFERENCE}


def start(case: Any, rng: Any) -> Any:
    reference = REFERENCE[case["model"]]
    return reference.start().model.state_dict(), [reference.data(seed) for seed in range(4)]


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    training = REFERENCE[case["model"]].start()
    return training.step, lambda: dict(training.model.named_parameters())


def torch(case: Any, params: Any, peer: Any) -> Any:
    from tests.models.torch_models import Twin

    twin = Twin(case["model"], REFERENCE[case["model"]].start())
    return twin.step, lambda: dict(twin.model.named_parameters())
