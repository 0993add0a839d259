"""The common rows of the tables of weakly supervised localization."""

from collections.abc import Mapping
from typing import Any


def localize_rows(steps: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of the baselines and of LCHP's stages.

    Args:
        steps: of a run, and of each of the two stages of LCHP-R.
        parameters: of LCHP, in addition to its stage.
    """
    once = {"steps": steps}
    return {
        "CAM": {"method": "cam", **once},
        "LayerCAM": {"method": "layer-cam", **once},
        "ADL": {"method": "adl", **once},
        "CutMix": {"method": "cutmix", **once},
        "PSOL": {"method": "psol", **once},
        **lchp_stages(steps, parameters),
    }


def lchp_stages(steps: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of LCHP up to each of its stages; arguments as for :func:`localize_rows`."""

    def lchp(stage: str, count: int, **more: Any) -> dict[str, Any]:
        return {"method": "lchp", "steps": count * steps, "parameters": {**parameters, "stage": stage, **more}}

    return {
        "Pseudo Label": lchp("pseudo-label", 1),
        "LCHP-I": lchp("initialise", 1),
        "LCHP-R": lchp("refine", 2, parts=2),
    }
