"""``python -m tests.against_torch.report [names...]``: every op of OpInfo, how many calls agree with PyTorch's, and why others do not."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

from tests.against_torch.checking import Tally, check
from tests.against_torch.differences import BEYOND
from tests.against_torch.offered import ROUTES
from tests.against_torch.sampling import ops


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="ops, by default all")
    parser.add_argument("--most", type=int, default=60, help="calls of an op in each dtype")
    parser.add_argument("--dtypes", default="float64,float32")
    parser.add_argument("--routes", default="native,facade")
    parser.add_argument("--static", type=int, default=2, help="of these, calls that are compiled as well")
    parser.add_argument("--start", help="the op to begin with")
    parser.add_argument("--failed", action="store_true", help="only ops with failures")
    parser.add_argument("--write", action="store_true", help="write down which ops are offered, for the tests, and end")
    given = parser.parse_args()
    if given.write:
        Path(__file__).with_name("covered.txt").write_text("".join(f"{line}\n" for line in offered()))
        return
    warnings.simplefilter("ignore")
    missing: list[str] = []
    sums = {"passed": 0, "failed": 0}
    skip = bool(given.start)
    for key, op in ops().items():
        skip = skip and key != given.start
        if skip:
            continue
        if given.names and op.name not in given.names and key not in given.names:
            continue
        if key in BEYOND or op.name in BEYOND:
            continue
        routes = [r for r in given.routes.split(",") if ROUTES[r](key)]
        if not routes:
            missing.append(key)
        for route in routes:
            for dtype in given.dtypes.split(","):
                _one(key, route, dtype, given, sums)
    print(f"\n{sums['passed']} calls agree, {sums['failed']} do not")
    print(f"not offered ({len(missing)}): {', '.join(missing)}")


def offered() -> list[str]:
    """The lines of ``covered.txt``: each op that is here, by each route that leads to it."""
    here = [key for key, op in ops().items() if key not in BEYOND and op.name not in BEYOND]
    return [f"{route} {key}" for key in here for route in ROUTES if ROUTES[route](key)]


def _one(key: str, route: str, dtype: str, given: Any, sums: dict[str, int]) -> None:
    start = time.perf_counter()
    tally: Tally = check(key, route, dtype, given.most, given.static)
    sums["passed"] += tally.passed
    sums["failed"] += len(tally.failed)
    took = time.perf_counter() - start
    if tally.failed or (not given.failed and tally.passed + tally.left_out):
        line = f"{key:44} {route:7} {dtype:8} {tally.passed:4} ok {len(tally.failed):4} failed {tally.left_out:3} left out {took:6.1f} s"
        print(line, flush=True)
    for reason, example, times in tally.reasons():
        print(f"    {times} x {reason}\n        {example}", flush=True)


if __name__ == "__main__":
    main()
