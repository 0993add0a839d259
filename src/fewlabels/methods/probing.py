"""Logistic regression on the features of a frozen network, shared by the methods that fit a head without steps.

Legend: n images, D features, K classes.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Pool, Refit, parameter
from fewlabels.models.heads.normalized_linear import NormalizedLinear

ABSENT = -30.0
"""Logit of a class without a label, whose probability is then practically zero."""


Scaling = Literal["unit", "centred"]
"""How features are scaled: to unit length, or as in :class:`fewlabels.models.heads.centred_linear.CentredLinear`."""


@dataclass(frozen=True)
class LinearProbeParameters(Parameters):
    """C of scikit-learn's LogisticRegression, whose own default of 1 underfits vectors of length one."""

    C: float = parameter(10.0, "inverse strength of the L2 penalty", above=0)
    scaling: Scaling = parameter(
        "unit", "features are scaled to length one, or their square roots are centred and scaled to length one"
    )


class LinearFit(NamedTuple):
    """A linear classifier."""

    weight: np.ndarray
    """(K, D) float64."""
    bias: np.ndarray
    """(K,) float64."""

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Compute (n, K) logits of features (n, D)."""
        return features @ self.weight.T + self.bias


one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")
"""Decorator: several threads make the small products of such fits three to five times slower, and change roundings."""


@one_blas_thread
def fit_logistic(
    features: np.ndarray, labels: np.ndarray, num_classes: int, C: float, weights: np.ndarray | None = None
) -> LinearFit:
    """Fit a logistic regression; a class without a label gets the logit :data:`ABSENT`.

    Args:
        features: (n, D) float64.
        labels: (n,) int64, of at least two classes.
        num_classes: K.
        C: inverse strength of the L2 penalty.
        weights: (n,) of the images in the loss; None for equal weights.
    """
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=C, max_iter=2000).fit(features, labels, sample_weight=weights)
    weight, bias = fit.coef_, fit.intercept_
    if len(fit.classes_) == 2:  # scikit-learn keeps one row for two classes: the log-odds of the second
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    found = LinearFit(np.zeros((num_classes, features.shape[1])), np.full(num_classes, ABSENT))
    found.weight[fit.classes_], found.bias[fit.classes_] = weight, bias
    return found


class ProbingMethod(Method):
    """Base class of methods that fit the head in :meth:`start_round` and train nothing else.

    The trunk is never trained, and batch statistics are not updated.
    """

    trains = False
    statistics_passes = 0

    @classmethod
    def network(cls, parameters: Any) -> Network:
        """Ask for a linear head on features that are scaled as the method's parameters say."""
        centred = getattr(parameters, "scaling", "centred") == "centred"
        return Network(head="centred-linear" if centred else "normalized-linear")

    @property
    def head(self) -> NormalizedLinear:
        """The head that is fitted."""
        head = self.model.networks()[0].head
        assert isinstance(head, NormalizedLinear)
        return head

    def pool_features(self, pool: Pool) -> tuple[Tensor, np.ndarray]:
        """Return the rows of all training images (N,), and their scaled features (N, D) float64.

        A head that centres features gets their mean as centre.
        """
        rows = torch.cat([pool.labelled_rows, pool.rows]).unique()
        features = pool.features(self.model, rows).cpu()
        self.head.set_centre(features)
        return rows, self.head.scaled(features).double().numpy()

    def labelled_features(self, pool: Pool) -> np.ndarray:
        """Return the scaled features of the labelled images, (L, D) float64.

        Without centring, only the labelled images are embedded.
        """
        if self.head.needs_centre:
            rows, features = self.pool_features(pool)
            return features[torch.searchsorted(rows, pool.labelled_rows).numpy()]
        return self.head.scaled(pool.features(self.model, pool.labelled_rows).cpu()).double().numpy()

    @torch.no_grad()
    def set_head(self, fit: LinearFit) -> None:
        """Copy a fit to the head."""
        self.head.weight.copy_(torch.from_numpy(fit.weight))
        self.head.bias.copy_(torch.from_numpy(fit.bias))

    def losses(self, batch: Batch) -> Losses:
        """Raise AssertionError: the head is fitted before step 0, and there are no steps."""
        raise AssertionError("this method has no steps")


def linear_refit(method: ProbingMethod, pool: Pool, C: float) -> Refit:
    """Return a function that fits the regression of ``linear-probe`` to some labels and predicts others."""
    features, labels = method.labelled_features(pool), pool.labels.cpu().numpy()

    def logits(fitted: np.ndarray, held: np.ndarray) -> np.ndarray:
        return fit_logistic(features[fitted], labels[fitted], method.num_classes, C).logits(features[held])

    return logits
