"""What the own idea of each seed method is worth: the method beside itself without it."""

from pathlib import Path
from typing import Any

from fewlabels.recipes.table import PaperTable, grid

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
    "PEPL": {"method": "pepl", "parameters": {"mu": 1}},
    "PEPL, labels mixed by area": {"method": "pepl", "parameters": {"mu": 1, "semantic": False}},
    "Attention-FixMatch": {"method": "attention-fixmatch", "lr": 0.003, "parameters": {"mu": 1}},
    "Attention-FixMatch, maps free": {
        "method": "attention-fixmatch",
        "lr": 0.003,
        "parameters": {"mu": 1, "att_weight": 0.0},
    },
    "FixMatch": {"method": "fixmatch", "parameters": {"mu": 1}},
    "FixMatch, learning rate as the two before": {"method": "fixmatch", "lr": 0.003, "parameters": {"mu": 1}},
}


def table(root: Path) -> PaperTable:
    """No paper has this table; PEPL's PaperTable II and DNLL's Fig. 6 ask the same questions elsewhere."""
    digits = grid(
        DIGITS, {"digits, 20 labels": {"num_labels": 20}}, {}, data="digits", steps=800, threads=1, root=str(root)
    )
    scenes = grid(
        SCENES, {"digit scenes, 500 labels": {"num_labels": 500}}, {}, data="digit-scenes", task="classify", steps=1500,
        batch_size=32, threads=1, root=str(root),
    )  # fmt: skip
    return PaperTable(
        title="What the own idea of each method is worth",
        about="Digits at 16 px, 800 steps; scenes of 64 px with one digit, 1500 steps of 32 labelled and 32 unlabelled "
        "images (with 200 labels, 8 + 56 images and 600 steps nothing was far above chance); `small_cnn` on one "
        "thread, else the papers' parameters.",
        cells=(*digits, *scenes),
    )
