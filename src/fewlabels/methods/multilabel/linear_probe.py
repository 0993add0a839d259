"""Linear probe: one logistic regression per class on frozen features, fitted to the images whose mark is known."""

from math import log

import numpy as np
import torch
from torch import nn

from fewlabels.methods.method import Pool
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.methods.probing import LinearProbeParameters, ProbingMethod


class MultiLabelLinearProbe(ProbingMethod, MultiLabelMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Linear probe"
    paper = "Common practice: logistic regressions on L2-normalised features of a pretrained network."
    idea = (
        "A pretrained network, which is not trained, maps every image to a feature vector of length one, and for each "
        "class a logistic regression is fitted to the images whose mark is known. Unknown marks are not used."
    )
    p: LinearProbeParameters

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit one regression per class and copy the coefficients to the head."""
        annotated = (pool.labels != 0).any(1)
        rows = pool.labelled_rows[annotated.to(pool.labelled_rows.device)]
        features, marks = self.features(pool, rows), pool.labels[annotated].cpu().numpy()
        head = self.model.networks()[0].head
        assert isinstance(head, nn.Linear)
        for k in range(self.num_classes):
            known = marks[:, k] != 0
            weight, bias = self.fit_class(features[known], marks[known, k])
            with torch.no_grad():
                head.weight[k] = torch.from_numpy(weight).to(head.weight)
                head.bias[k] = bias

    def fit_class(self, features: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, float]:
        """Return weights (D,) and bias of one class, fitted to features (n, D) and known marks (n,), 1 or -1.

        A class with marks of one kind only gets the constant logit of the probability (present + 1) / (known + 2),
        which is 0 without any mark.
        """
        present, absent = int((marks == 1).sum()), int((marks == -1).sum())
        if not present or not absent:
            return np.zeros(features.shape[1]), log((present + 1) / (absent + 1))
        fit = self.regression().fit(features, marks)
        return fit.coef_[0], float(fit.intercept_[0])
