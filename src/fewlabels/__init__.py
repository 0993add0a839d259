"""Train image models from few labels.

The names below are imported at first use, so that ``import fewlabels`` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fewlabels.version import __version__ as __version__

if TYPE_CHECKING:
    from fewlabels.errors import UserError
    from fewlabels.estimator import FewLabelsClassifier
    from fewlabels.options import TrainOptions
    from fewlabels.run.evaluate import evaluate
    from fewlabels.run.predict import predict
    from fewlabels.run.train import train

__all__ = ["FewLabelsClassifier", "TrainOptions", "UserError", "evaluate", "predict", "train"]

_HOME = {
    "FewLabelsClassifier": "fewlabels.estimator",
    "TrainOptions": "fewlabels.options",
    "UserError": "fewlabels.errors",
    "evaluate": "fewlabels.run.evaluate",
    "predict": "fewlabels.run.predict",
    "train": "fewlabels.run.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fewlabels' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
