"""What the own idea of each seed method is worth: the method beside itself without it."""

from pathlib import Path
from typing import Any

from fewlabels.recipes.table import Table, grid

DIGITS: dict[str, dict[str, Any]] = {
    "VAT": {"method": "vat"},
    "VAT, a random perturbation of that length": {"method": "vat", "parameters": {"direction": "random"}},
    "DNLL": {"method": "dnll"},
    "DNLL without negatives": {"method": "dnll", "parameters": {"weight": 0.0}},
    "Dual Student": {"method": "dual-student"},
    "Dual Student with negatives": {"method": "dual-student", "parameters": {"negatives": 2}},
    "Mean Teacher": {"method": "mean-teacher"},
    "Mean Teacher with negatives": {"method": "mean-teacher", "parameters": {"negatives": 2}},
}
SCENES: dict[str, dict[str, Any]] = {
    "supervised": {"method": "supervised"},
    "PEPL": {"method": "pepl"},
    "PEPL, labels mixed by area": {"method": "pepl", "parameters": {"semantic": False}},
    "Attention-FixMatch": {"method": "attention-fixmatch"},
    "Attention-FixMatch, maps free": {"method": "attention-fixmatch", "parameters": {"att_weight": 0.0}},
    "FixMatch, as many unlabelled": {"method": "fixmatch", "parameters": {"mu": 1}},
}


def table(root: Path) -> Table:
    """No paper has this table; PEPL's Table II and DNLL's Fig. 6 ask the same questions elsewhere."""
    digits = grid(
        DIGITS, {"digits, 20 labels": {"num_labels": 20}}, {}, data="digits", steps=800, threads=1, root=str(root)
    )
    scenes = grid(
        SCENES, {"digit scenes, 200 labels": {"num_labels": 200}}, {}, data="digit-scenes", task="classify", steps=600,
        threads=1, root=str(root),
    )  # fmt: skip
    return Table(
        title="What the own idea of each method is worth",
        about="Digits at 16 px, 800 steps; scenes of 64 px with one digit, 600 steps; `small_cnn` on one thread, the "
        "papers' parameters.",
        cells=(*digits, *scenes),
    )
