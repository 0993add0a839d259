"""The rows that the tables of weakly supervised localization share."""

from collections.abc import Mapping
from typing import Any


def rows(steps: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """So many steps of each, and as many more where boxes are refined.

    Args:
        steps: of a run, and of each stage of LCHP-R.
        parameters: of LCHP, besides its stage.
    """
    once = {"steps": steps}
    return {
        "CAM": {"method": "cam", **once},
        "LayerCAM": {"method": "layer-cam", **once},
        "ADL": {"method": "adl", **once},
        "CutMix": {"method": "cutmix", **once},
        "PSOL": {"method": "psol", **once},
        **stages(steps, parameters),
    }


def stages(steps: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """LCHP as far as each of its stages; arguments as of :func:`rows`."""

    def lchp(stage: str, count: int, **more: Any) -> dict[str, Any]:
        return {"method": "lchp", "steps": count * steps, "parameters": {**parameters, "stage": stage, **more}}

    return {
        "Pseudo Label": lchp("pseudo-label", 1),
        "LCHP-I": lchp("initialise", 1),
        "LCHP-R": lchp("refine", 2, parts=2),
    }
