"""The corpus, marks and weights are fixed by a hash, which is in the tests, so that they cannot follow the scores."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tapegraph.bugs import results, scorer
from tapegraph.bugs.contenders import CONTENDERS
from tapegraph.bugs.probes import probes
from tapegraph.bugs.template import templates
from tapegraph.bugs.variants import FROZEN, case


def frozen() -> str:
    """A digest of every template, of all programs and marks that are made of them, and of all that weighs in the score."""
    weights = [scorer.WEIGHTS, scorer.WARNED, scorer.OVERLAP, scorer.FEW, scorer.MANY, scorer.SOON, scorer.LATE]
    told: list[Any] = [weights, results.CASES, results.PROBES, *(template.text for template in templates())]
    for contender in CONTENDERS.values():
        if not contender.debug:
            told += [probe.program for probe in probes(contender)]
            for template in templates():
                if contender.idiom in template.programs:
                    told += [case(template, contender, variant).as_dict() for variant in FROZEN]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
