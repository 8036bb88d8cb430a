"""Every fault planted, and what bisect makes of it: `python -m tests.debug.faults` prints the table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import tapegraph as tg
from tapegraph.debug.bisection import Bisection, bisect
from tapegraph.debug.faults import FAULTS, planted
from tests.debug.fault_programs import PROGRAMS

KINDS = {"rewrite": ("rule",), "lowering": ("kernel", "lowering"), "kernel": ("kernel",), "plan": ("memory", "loop")}


@dataclass
class Found:
    """A fault, what bisect found, and whether it named the first wrong node and what is to blame."""

    name: str
    layer: str
    seconds: float
    result: Bisection
    node: bool
    guilty: bool


def found(names: Sequence[str] = ()) -> Iterator[Found]:
    """Bisect the program of each fault, compiled while it is planted."""
    threads = tg.get_num_threads()
    tg.set_num_threads(2)  # one fault is in how threads put their sums together
    try:
        for name in names or PROGRAMS:
            program, args, ops = PROGRAMS[name]
            with planted(name) as fault:
                started = time.perf_counter()
                result = bisect(program, *map(np.copy, args))
                seconds = time.perf_counter() - started
            difference = result.difference
            node = difference is not None and difference.record.op.name in ops.split()
            guilty = difference is not None and difference.kind in KINDS[fault.layer]
            if guilty and fault.layer == "rewrite":
                guilty = f"rule {fault.blamed} " in difference.blamed
            if guilty and fault.layer == "lowering":
                guilty = difference.record.op.name == fault.blamed
            yield Found(name, fault.layer, seconds, result, node, guilty)
    finally:
        tg.set_num_threads(threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help="some of them only; then with all that bisect says")
    names = parser.parse_args().names
    print(f"{'fault':24} {'layer':9} {'node':5} {'guilty':7} {'seconds':>7}  named")
    all_found = []
    for one in found(names):
        all_found.append(one)
        difference = one.result.difference
        told = "nothing" if difference is None else f"{difference.record.op.name}: {difference.blamed}"
        yes = {True: "yes", False: "NO"}
        print(
            f"{one.name:24} {one.layer:9} {yes[one.node]:5} {yes[one.guilty]:7} {one.seconds:7.2f}  {told}", flush=True
        )
        if names:
            print(one.result)
    nodes, guilty = sum(f.node for f in all_found), sum(f.guilty for f in all_found)
    print(
        f"{len(all_found)} of {len(FAULTS)} faults: the first wrong node named in {nodes}, what is to blame in {guilty}"
    )


if __name__ == "__main__":
    main()
