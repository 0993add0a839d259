"""Pages of version 0.1.0, whose data had another layout."""

from typing import Any

_METHOD = ("title", "paper", "idea")
_CLASSIFY = ("label_counts", "pseudo_counts", "confusion", "most_confident", "least_confident", "doubted")
_MULTILABEL = ("label_counts", "pseudo_counts", "doubted")


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a page in the present layout; data that name their task are in it already.

    Version 0.1.0 stored what only one task has in fields that all runs shared: ``marking`` for multilabel, ``boxing``
    for localize, ``looking`` for pictures, and the method's name among the settings.
    """
    if "task" in data:
        return data
    config = {key: value for key, value in data["config"].items() if key not in (*_METHOD, _POOL)}
    return {
        "name": data["name"],
        "task": _task(data),
        "config": config,
        "metrics": data["metrics"],
        "history": data["history"],
        "classes": data["classes"],
        "notes": data["notes"],
        "method": {key: str(data["config"].get(key, "")) for key in _METHOD},
        "own": _own(data),
    }


_POOL = "pool_includes_labelled"


def _task(data: dict[str, Any]) -> str:
    if data.get("marking"):
        return "multilabel"
    return "localize" if data.get("boxing") else "classify"


def _own(data: dict[str, Any]) -> dict[str, Any]:
    """Return the content of the task."""
    if data.get("marking"):
        return {**data["marking"], **{key: data[key] for key in _MULTILABEL}}
    own = {**{key: data[key] for key in _CLASSIFY}, **(data.get("looking") or {})}
    return {**own, _POOL: data["config"].get(_POOL), "boxing": data.get("boxing")}
