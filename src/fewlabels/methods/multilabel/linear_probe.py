"""Linear probe: a logistic regression per class on frozen features, from the images whose mark is known."""

from dataclasses import dataclass
from math import log

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fewlabels.methods.method import Batch, Losses, Network, Parameters, Pool, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class LinearProbeParameters(Parameters):
    """One parameter of scikit-learn's LogisticRegression; its own default, 1, underfits vectors of length one."""

    C: float = parameter(10.0, "inverse strength of the L2 penalty", above=0)


def fit_class(features: np.ndarray, marks: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """Weights (D,) and bias of one class, from features (n, D) and known marks (n,), 1 or -1.

    A class with one kind of mark only gets a constant, (present + 1) / (known + 2) as a logit: 0 if it has none.
    """
    from sklearn.linear_model import LogisticRegression

    present, absent = int((marks == 1).sum()), int((marks == -1).sum())
    if not present or not absent:
        return np.zeros(features.shape[1]), log((present + 1) / (absent + 1))
    fit = LogisticRegression(C=strength, max_iter=2000).fit(features, marks)
    return fit.coef_[0], float(fit.intercept_[0])


class LinearProbe(MultiLabelMethod):
    """The trunk is never trained; batch statistics do not move."""

    title = "Linear probe"
    paper = "Common practice: logistic regressions on L2-normalised features of a pretrained network."
    idea = (
        "The pretrained network stays as it is and turns every image into a vector of length one; for each class a "
        "logistic regression is fitted to the images whose mark is known. The unknown marks are not used."
    )
    hyperparameters = LinearProbeParameters
    trains = False
    statistics_passes = 0
    p: LinearProbeParameters

    @classmethod
    def network(cls, parameters: LinearProbeParameters) -> Network:
        """A head that scales features to length one."""
        return Network(head="normalized-linear")

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regressions and put their coefficients into the head."""
        rows, marks = self._annotated(pool)
        features = normalize(pool.features(self.model, rows), dim=1).cpu().numpy().astype(np.float64)
        head = self.model.networks()[0].head
        assert isinstance(head, nn.Linear)
        for number_of_class in range(self.num_classes):
            known = marks[:, number_of_class] != 0
            weight, bias = fit_class(features[known], marks[known, number_of_class], self.p.C)
            with torch.no_grad():
                head.weight[number_of_class] = torch.from_numpy(weight).to(head.weight)
                head.bias[number_of_class] = bias

    @staticmethod
    def _annotated(pool: Pool) -> tuple[Tensor, np.ndarray]:
        """The rows that have any known mark, and their marks (n, K)."""
        some = (pool.labels != 0).any(1)
        return pool.labelled_rows[some.to(pool.labelled_rows.device)], pool.labels[some].cpu().numpy()

    def losses(self, batch: Batch) -> Losses:
        """Never called: everything is done before step 0."""
        raise AssertionError("the linear probe has no steps")
