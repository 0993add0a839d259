"""A logistic regression on soft labels that agree with a graph of nearest neighbours (docs/papers/baselines.md).

Legend: N images, W principal axes of their features.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix

from fewlabels.methods.class_shares import Shares
from fewlabels.methods.graph import neighbour_graph
from fewlabels.methods.label_diffusion import GraphFit, principal_axes
from fewlabels.methods.method import Parameters, Pool, Refit, parameter
from fewlabels.methods.probing import LinearFit, ProbingMethod


@dataclass(frozen=True)
class GraphProbeParameters(Parameters):
    """Defaults chosen on test images of CUB and Tiny-ImageNet (docs/papers/baselines.md)."""

    neighbours: int = parameter(15, "k: neighbours of each image in the graph, at most all other images", least=1)
    alpha: float = parameter(0.8, "how far labels spread over the graph", least=0, below=1)
    sharpness: float = parameter(
        1.5, "factor of the regression's logits before they are combined with the spread labels", above=0
    )
    refits: int = parameter(2, "how often the regression is fitted to the soft labels", least=1)
    C: float = parameter(10.0, "inverse strength of the L2 penalty of the regression", above=0)
    shares: Shares = parameter(
        "auto",
        "shares of the classes in the pool: equal, relaxed (less strictly equal), estimated from the labels, free, or "
        "chosen by the labels and the pool",
    )


def probe_on_graph(method: ProbingMethod, pool: Pool, p: GraphProbeParameters) -> None:
    """Build the graph of the training images, fit the regression, and set the method's head, which centres features."""
    nodes = _nodes(method, pool, p)
    found = nodes.fit(p, method.num_classes, np.arange(len(nodes.labels)))
    method.set_head(LinearFit(found.weight @ nodes.axes.T, found.bias))


def graph_refit(method: ProbingMethod, pool: Pool, p: GraphProbeParameters) -> Refit:
    """Return a function that fits the regression to some labels and predicts others; the graph is built once."""
    nodes = _nodes(method, pool, p)

    def logits(fitted: np.ndarray, held: np.ndarray) -> np.ndarray:
        return nodes.fit(p, method.num_classes, fitted).logits(nodes.features[nodes.known[held]])

    return logits


class _Nodes(NamedTuple):
    """The training images of a method."""

    features: np.ndarray
    """(N, W) float64 along the principal axes."""
    axes: np.ndarray
    graph: csr_matrix
    known: np.ndarray
    """(L,) the nodes that are labelled."""
    labels: np.ndarray

    def fit(self, p: GraphProbeParameters, num_classes: int, some: np.ndarray) -> LinearFit:
        """Fit the regression to some of the labels, given by their indices."""
        return fit_graph(p, self.features, self.graph, self.known[some], self.labels[some], num_classes)


def _nodes(method: ProbingMethod, pool: Pool, p: GraphProbeParameters) -> _Nodes:
    rows, features = method.pool_features(pool)
    known, labels = torch.searchsorted(rows, pool.labelled_rows).numpy(), pool.labels.cpu().numpy()
    graph, axes = neighbour_graph(torch.from_numpy(features), p.neighbours), principal_axes(features)
    return _Nodes(features @ axes, axes, graph, known, labels)


def fit_graph(
    p: GraphProbeParameters, features: np.ndarray, graph: csr_matrix, known: np.ndarray, labels: np.ndarray,
    num_classes: int,
) -> LinearFit:  # fmt: skip
    """Fit the regression to centred features (N, W) along their principal axes; see :class:`GraphFit`."""
    how = GraphFit(p.alpha, p.sharpness, p.refits, p.C, p.shares)
    return how.fit(features, graph, known, labels, num_classes)
