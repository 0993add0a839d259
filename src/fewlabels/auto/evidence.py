"""What earlier measurements say about the methods, by kind of data and number of labels.

In the table, ``evidence.json``, the entry ``heads`` is made by ``python benchmarks/few_labels.py --evidence`` from data
sets whose test labels are known. The other entries are written by hand and name the page that they come from.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.auto.choice import Choice

FILE = Path(__file__).with_name("evidence.json")


@cache
def _table() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def candidate_key(method: str, parameters: dict[str, Any]) -> str:
    """Return the key of a candidate in the table, e.g. ``graph-probe shares=free``."""
    return " ".join([method, *(f"{name}={value}" for name, value in sorted(parameters.items()))])


def expected_log_loss(method: str, parameters: dict[str, Any], labels_per_class: float) -> float:
    """Return the expected log-loss minus that of ``linear-probe``, in nats, of a head on features of photographs.

    Between the measured numbers of labels it is interpolated linearly in their logarithm; outside them it is constant.
    A candidate that was not measured counts as equal to ``linear-probe``.
    """
    table = _table()["heads"]
    values = table["log_loss"].get(candidate_key(method, parameters))
    if values is None:
        return 0.0
    return float(np.interp(np.log(max(labels_per_class, 1e-9)), np.log(table["labels_per_class"]), values))


def trained_choice(task: str, small: bool) -> Choice:
    """Choose among methods that train whole networks, by evidence alone, because trying them would take too long."""
    return Choice(**_table()["trained"][task]["small" if small else "photographs"])


def without_weights(task: str, error: Exception, say: Callable[[str], None]) -> Choice:
    """Choose a method that trains a whole network on small images, because of an error with pretrained weights."""
    say(f"note: {error}; so a network is trained from random weights")
    return trained_choice(task, small=True)
