"""Train image models from few labels.

The names below are imported when they are first used, so that ``import fewlabels`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fewlabels.version import __version__

if TYPE_CHECKING:
    from fewlabels.errors import UserError
    from fewlabels.estimator import FewLabelsClassifier
    from fewlabels.options import TrainOptions
    from fewlabels.run.predict import evaluate, predict
    from fewlabels.run.train import train

__all__ = ["FewLabelsClassifier", "TrainOptions", "UserError", "__version__", "evaluate", "predict", "train"]

_HOME = {
    "FewLabelsClassifier": "fewlabels.estimator",
    "TrainOptions": "fewlabels.options",
    "UserError": "fewlabels.errors",
    "evaluate": "fewlabels.run.predict",
    "predict": "fewlabels.run.predict",
    "train": "fewlabels.run.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fewlabels' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
