"""Check that a run chooses a number format and memory layout that are fast on this machine.

For each network the choice is made twice, as a run makes it, each time with an empty cache. Then every candidate is
timed over a whole batch. The table shows milliseconds per image (forward and backward), the choice, and its time as a
multiple of the fastest candidate's. The exit status is 1 if that is above 1.15, or if the second choice differs from
the first although one is more than 10 % slower than the other::

    python benchmarks/precision.py [--threads 1] [--networks small_cnn cnn3]

Numbers mean little while other programs use the machine.
"""

import argparse
import os
import sys
import tempfile
from typing import NamedTuple

import torch

from fewlabels.models.build import ModelSpec, build
from fewlabels.models.precision import TIE, Precision, candidates
from fewlabels.models.timing import HOPELESS, passes
from fewlabels.run.choose_precision import Workload, choose_precision
from fewlabels.training.machine import keep_freed_memory, make_deterministic, pick_device, processor

ALLOWED = 1.15
"""Times the fastest candidate's time that the chosen one may take."""
ROUNDS = 4
"""Passes of each candidate over a whole batch; the first warms up, and the shortest counts."""


class Case(NamedTuple):
    """A network, the images that it is fed, and how many."""

    backbone: str
    image_size: int
    channels: int
    batch: int


CASES = [
    Case("wrn_28_2", 32, 3, 64), Case("cnn13", 32, 3, 32), Case("small_cnn", 28, 1, 64), Case("cnn3", 28, 1, 64),
    Case("mobilenetv2_100", 128, 3, 16),
]  # fmt: skip


class Result(NamedTuple):
    """Milliseconds per image over a whole batch, and the two choices."""

    times: dict[Precision, float]
    first: Precision
    second: Precision

    @property
    def ratio(self) -> float:
        """Time of the first choice as a multiple of the shortest."""
        return self.times[self.first] / min(self.times.values())

    @property
    def good(self) -> bool:
        """Whether the choice is fast, and repeated but for a tie."""
        again = self.times[self.second] / self.times[self.first]
        return self.ratio <= ALLOWED and 1 / TIE <= again <= TIE


def describe(case: Case) -> ModelSpec:
    """Describe the network."""
    mean, std = (0.0,) * case.channels, (1.0,) * case.channels
    return ModelSpec(case.backbone, 10, case.channels, case.image_size, "linear", None, mean, std)


def choose(case: Case, device: torch.device) -> Precision:
    """Choose as a run whose step looks at ``batch`` images does, with an empty cache."""
    workload = Workload(describe(case), False, False, False, case.batch)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FEWLABELS_CACHE"] = folder
        return choose_precision(workload, device, None, None, lambda _: None)[0]


def time_batch(case: Case, device: torch.device) -> dict[Precision, float]:
    """Time every candidate over a whole batch, in turns; hopeless ones once."""
    time_pass = passes(build(describe(case)).to(device), (case.channels, case.image_size, case.image_size))
    times: dict[Precision, float] = {}
    for _ in range(ROUNDS):
        for candidate in candidates(device):
            if candidate in times and times[candidate] > HOPELESS * min(times.values()):
                continue
            seconds = time_pass(candidate, case.batch)
            times[candidate] = min(1000 * seconds / case.batch, times.get(candidate, float("inf")))
    return times


def row(case: Case, result: Result, columns: list[Precision]) -> str:
    """Format one line of the table."""
    cells = [f"{result.times[candidate]:.3g}" for candidate in columns]
    chosen = [str(result.first), f"{result.ratio:.2f}", "the same" if result.second == result.first else result.second]
    return (
        "| "
        + " | ".join([f"{case.backbone}, {case.image_size} px, {case.batch} images", *cells, *map(str, chosen)])
        + " |"
    )


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where available)")
    names = [case.backbone for case in CASES]
    parser.add_argument("--networks", nargs="+", choices=names, default=names, help="default: all")
    given = parser.parse_args()
    device = pick_device(given.device)
    threads = make_deterministic(given.threads)
    keep_freed_memory()
    print(f"{processor(device)}, {threads} threads, torch {torch.__version__}\n")
    columns = candidates(device)
    header = ["network", *map(str, columns), "chosen", "times the fastest", "chosen again"]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    good = True
    for case in CASES:
        if case.backbone in given.networks:
            first, second = choose(case, device), choose(case, device)
            result = Result(time_batch(case, device), first, second)
            print(row(case, result, columns), flush=True)
            good = good and result.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
