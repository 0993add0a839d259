"""Boxes in the ledger, as numbers."""

from collections.abc import Sequence

import numpy as np

from fewlabels.exports.run_labels import LedgerRow


def stored_boxes(rows: Sequence[LedgerRow]) -> np.ndarray:
    """(N, 4) float64: x0, y0, x1, y1 in pixels of the stored images."""
    corners = [[float(row[name]) for name in ("x0", "y0", "x1", "y1")] for row in rows]
    return np.array(corners, np.float64).reshape(-1, 4)
