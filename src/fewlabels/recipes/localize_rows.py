"""The rows that the tables of weakly supervised localization share."""

from collections.abc import Mapping
from typing import Any


def rows(epoch: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Ten epochs of each, and ten more where boxes are refined.

    Args:
        epoch: steps of one.
        parameters: of LCHP, besides its stage.
    """

    def lchp(stage: str, epochs: int, **more: Any) -> dict[str, Any]:
        return {"method": "lchp", "steps": epochs * epoch, "parameters": {**parameters, "stage": stage, **more}}

    once = {"steps": 10 * epoch}
    return {
        "CAM": {"method": "cam", **once},
        "LayerCAM": {"method": "layer-cam", **once},
        "ADL": {"method": "adl", **once},
        "CutMix": {"method": "cutmix", **once},
        "PSOL": {"method": "psol", **once},
        "Pseudo Label": lchp("pseudo-label", 10),
        "LCHP-I": lchp("initialise", 10),
        "LCHP-R": lchp("refine", 20, parts=2),
    }
