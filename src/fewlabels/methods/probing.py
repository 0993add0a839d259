"""Logistic regression on the features of a frozen network, shared by the linear probes of the tasks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from torch.nn.functional import normalize

from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Pool, parameter

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class LinearProbeParameters(Parameters):
    """One parameter of scikit-learn's LogisticRegression, whose own default of 1 underfits vectors of length one."""

    C: float = parameter(10.0, "inverse strength of the L2 penalty", above=0)


class ProbingMethod(Method):
    """Base class of methods that fit the head in :meth:`start_round` and train nothing else.

    The trunk is never trained, and batch statistics are not updated.
    """

    hyperparameters = LinearProbeParameters
    trains = False
    statistics_passes = 0
    p: LinearProbeParameters

    @classmethod
    def network(cls, parameters: LinearProbeParameters) -> Network:
        """Ask for a linear head on features that are scaled to length one."""
        return Network(head="normalized-linear")

    def features(self, pool: Pool, rows: Tensor) -> np.ndarray:
        """Return the network's features of these rows (n,), scaled to length one, (n, D) float64."""
        return normalize(pool.features(self.model, rows), dim=1).cpu().numpy().astype(np.float64)

    def regression(self) -> "LogisticRegression":
        """Return a logistic regression to be fitted."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.p.C, max_iter=2000)

    def losses(self, batch: Batch) -> Losses:
        """Raise AssertionError: the head is fitted before step 0, and there are no steps."""
        raise AssertionError("a linear probe has no steps")
