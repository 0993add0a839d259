"""A graph of classes: co-occurrence counts, label embeddings, and the graph network of ML-GCN.

Legend: K classes, L images, E the length of a label embedding, D features of the backbone.
"""

from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from fewlabels.errors import UserError


def count_together(marks: Tensor) -> tuple[Tensor, Tensor]:
    """Count the images on which two classes are both marked present, and those on which each class is.

    Args:
        marks: (L, K), 1 present, -1 absent, 0 unknown.

    Returns:
        counts of pairs (K, K) float64 with a zero diagonal, and counts of classes (K,) float64.
    """
    present = (marks == 1).double()
    together = present.T @ present
    return together - together.diagonal().diag(), together.diagonal().clone()


def adjacency(together: Tensor, alone: Tensor, threshold: float, reweight: float) -> Tensor:
    """Build the (K, K) float64 graph as the code of ML-GCN does (docs/papers/baselines.md, worked example ML-GCN).

    P[i, j] is the share of the images of class i on which class j is present too. Entries of at least ``threshold``
    become 1, the others 0; each column is scaled to the sum ``reweight`` and the identity is added. The result A is
    normalised as in a GCN, D^-1/2 A^T D^-1/2.

    Args:
        together: (K, K) counts of pairs.
        alone: (K,) counts of classes.
        threshold: above 0 and at most 1.
        reweight: 0 or more.
    """
    share = together / alone.clamp_min(1)[:, None]
    graph = (share >= threshold).double()
    graph = graph * reweight / (graph.sum(0) + 1e-6) + torch.eye(len(graph), dtype=torch.float64, device=graph.device)
    scale = graph.sum(1).rsqrt()
    return scale[:, None] * graph.T * scale


class GraphNetwork(nn.Module):
    """Map (K, E) embeddings to (K, D) by two graph convolutions with a leaky ReLU (slope 0.2) in between."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(inputs, hidden).uniform_(-1, 1) / sqrt(hidden))
        self.second = nn.Parameter(torch.empty(hidden, outputs).uniform_(-1, 1) / sqrt(outputs))

    def forward(self, embeddings: Tensor, graph: Tensor) -> Tensor:
        return graph @ (leaky_relu(graph @ (embeddings @ self.first), 0.2) @ self.second)


def read_embeddings(file: Path, num_classes: int) -> Tensor:
    """Read label embeddings, (K, E) float32, from a .npy file or a text file of numbers.

    The file has one row per class, in the order of the classes.

    Raises:
        UserError: if the file cannot be read or holds no such table.
    """
    table = _read_table(file)
    if table.ndim != 2 or not table.shape[1] or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise UserError(
            f"--method.embeddings {file}: not a table of numbers with one row per class; "
            "give a .npy file or a text file that contains one"
        )
    if len(table) != num_classes:
        raise UserError(
            f"--method.embeddings {file}: {len(table)} rows for {num_classes} classes; "
            "give one row per class, in the order of the classes"
        )
    return torch.from_numpy(table.astype(np.float32))


def _read_table(file: Path) -> np.ndarray:
    try:
        if file.suffix == ".npy":
            return np.asarray(np.load(file, allow_pickle=False))
        lines = file.read_text(encoding="utf-8").replace(",", " ").splitlines()
        return np.array([[float(word) for word in line.split()] for line in lines if line.strip()])
    except OSError as error:
        raise UserError(
            f"--method.embeddings {file}: can't be read ({error.strerror}); give a .npy or a text file"
        ) from None
    except (ValueError, EOFError):
        return np.empty(0)
