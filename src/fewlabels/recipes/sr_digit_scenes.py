"""Saliency Regularization on the embedded digit scenes: does it beat the known marks alone?"""

from pathlib import Path

from fewlabels.recipes.sr_rows import ROWS
from fewlabels.recipes.table import PaperTable, grid

ASKED = ("BN-BCE", "BN-BCE on both views", "CR", "SR", "SR + CR")
"""What a margin over the known marks alone is made of; the other rows are in sr-voc."""


def table(root: Path) -> PaperTable:
    """No paper has this table."""
    return PaperTable(
        title="Saliency Regularization on digit scenes",
        about="1500 scenes of 64 px with one to four digits, of whose marks 10 % are known, 500 test scenes; the "
        "defaults of `fewlabels train`, one thread.",
        cells=grid(
            {name: ROWS[name] for name in ASKED}, {"10% known": {"known_proportion": 0.1}}, {},
            data="digit-scenes", task="multilabel", threads=1, root=str(root),
        ),
        draws=6,
        metric="mAP",
    )  # fmt: skip
