"""Linear probe: one logistic regression per class on frozen features, fitted to the images whose mark is known."""

from math import log

import numpy as np

from fewlabels.methods.method import Pool, Refit
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.methods.probing import LinearFit, LinearProbeParameters, ProbingMethod, fit_logistic


class MultiLabelLinearProbe(ProbingMethod, MultiLabelMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Linear probe"
    paper = "Common practice: logistic regressions on L2-normalised features of a pretrained network."
    idea = (
        "A pretrained network, which is not trained, maps every image to a feature vector of length one, and for each "
        "class a logistic regression is fitted to the images whose mark is known. Unknown marks are not used."
    )
    hyperparameters = LinearProbeParameters
    p: LinearProbeParameters

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit one regression per class and copy the coefficients to the head."""
        features, marks = self.labelled_features(pool), pool.labels.cpu().numpy()
        self.set_head(fit_marks(features, marks, self.p.C))

    def refit(self, pool: Pool) -> Refit:
        """Fit the regressions to the marks of some images."""
        features, marks = self.labelled_features(pool), pool.labels.cpu().numpy()
        return lambda fitted, held: fit_marks(features[fitted], marks[fitted], self.p.C).logits(features[held])


def fit_marks(features: np.ndarray, marks: np.ndarray, C: float) -> LinearFit:
    """Fit one regression per class to its known marks.

    A class with marks of one kind only gets the constant logit of the probability (present + 1) / (known + 2), which is
    0 without any mark.

    Args:
        features: (n, D) float64.
        marks: (n, K) int8: 1 present, -1 absent, 0 unknown.
        C: inverse strength of the L2 penalty.
    """
    found = LinearFit(np.zeros((marks.shape[1], features.shape[1])), np.zeros(marks.shape[1]))
    for k, own in enumerate(marks.T):
        present, absent = int((own == 1).sum()), int((own == -1).sum())
        if present and absent:
            fit = fit_logistic(features[own != 0], (own[own != 0] == 1).astype(np.int64), 2, C)
            found.weight[k], found.bias[k] = fit.weight[1] - fit.weight[0], fit.bias[1] - fit.bias[0]
        else:
            found.bias[k] = log((present + 1) / (absent + 1))
    return found
