"""Saliency Regularization on the embedded digit scenes: is it better than training on the known marks alone?"""

from pathlib import Path

from fewlabels.recipes.sr_rows import SR_ROWS
from fewlabels.recipes.table import PaperTable, grid

_NAMES = ("BN-BCE", "BN-BCE on both views", "CR", "SR", "SR + CR")
"""The rows that separate the contributions to the margin over the known marks alone; sr-voc has the others."""


def table(root: Path) -> PaperTable:
    """Return the table; no paper has it."""
    return PaperTable(
        title="Saliency Regularization on digit scenes",
        about="1500 scenes of 64 px with one to four digits, with 10 % of their marks known; 500 test scenes; the "
        "defaults of `fewlabels train`, one thread.",
        cells=grid(
            {name: SR_ROWS[name] for name in _NAMES}, {"10% known": {"known_proportion": 0.1}}, {},
            data="digit-scenes", task="multilabel", threads=1, root=str(root),
        ),
        draws=6,
        metric="mAP",
    )  # fmt: skip
