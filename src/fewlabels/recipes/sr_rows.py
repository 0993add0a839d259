"""The common rows of the tables of Saliency Regularization."""

from typing import Any

_SR = "saliency-regularization"


def _sr(**parameters: Any) -> dict[str, Any]:
    return {"method": _SR, "parameters": parameters}


SR_ROWS: dict[str, dict[str, Any]] = {
    "BN-BCE": {"method": "bce"},
    "PL": _sr(alpha=0.0, pseudo="same", tau=0.9),
    "CR": _sr(alpha=0.0, pseudo="strong", pseudo_from="mean"),
    "SR": _sr(pseudo="none"),
    "SR + CR": _sr(),
    "BN-BCE on both views": _sr(alpha=0.0, pseudo="none"),
    "ASL": {"method": "asymmetric"},
    "SPLC": {"method": "splc"},
    "CSL": {"method": "csl"},
    "partial BCE": {"method": "partial-bce"},
}
"""Table 2 of the paper and the methods of Table 1. "BN-BCE on both views" trains on a weak and a strong view, as SR
does: the remaining difference between the two is saliency and pseudo-labels."""
