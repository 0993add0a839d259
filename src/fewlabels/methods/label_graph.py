"""Classes as nodes of a graph: who occurs with whom, what each is called, and a network over both.

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
    """On how many images (L, K) two classes are both marked present, (K, K), diagonal 0, and each alone, (K,)."""
    present = (marks == 1).double()
    together = present.T @ present
    return together - together.diagonal().diag(), together.diagonal().clone()


def adjacency(together: Tensor, alone: Tensor, threshold: float, reweight: float) -> Tensor:
    """(K, K) float64 graph from counts (K, K) and (K,), as the code of ML-GCN builds it (METHODS section 7).

    Row i of P is how often class j is there when i is. Entries from the threshold on become 1, the others 0; each
    column is scaled to the sum ``reweight``, a class keeps 1 for itself, and the rest is the symmetric
    normalisation of a GCN, D^-1/2 A^T D^-1/2.
    """
    share = together / alone.clamp_min(1)[:, None]
    graph = (share >= threshold).double()
    graph = graph * reweight / (graph.sum(0) + 1e-6) + torch.eye(len(graph), dtype=torch.float64, device=graph.device)
    scale = graph.sum(1).rsqrt()
    return scale[:, None] * graph.T * scale


class GraphNetwork(nn.Module):
    """Two graph convolutions, the first followed by a leaky ReLU of 0.2: from (K, E) embeddings to (K, D)."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(inputs, hidden).uniform_(-1, 1) / sqrt(hidden))
        self.second = nn.Parameter(torch.empty(hidden, outputs).uniform_(-1, 1) / sqrt(outputs))

    def forward(self, embeddings: Tensor, graph: Tensor) -> Tensor:
        return graph @ (leaky_relu(graph @ (embeddings @ self.first), 0.2) @ self.second)


def read_embeddings(file: Path, num_classes: int) -> Tensor:
    """(K, E) float32 from a .npy file or a text file of numbers, a row per class in the order of the classes.

    Raises :class:`UserError` where there is no such table in the file.
    """
    table = _read_table(file)
    if table.ndim != 2 or not table.shape[1] or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise UserError(
            f"--method.embeddings {file}: not a table of numbers with a row per class; "
            "give a .npy file or a text file that holds one"
        )
    if len(table) != num_classes:
        raise UserError(
            f"--method.embeddings {file}: {len(table)} rows for {num_classes} classes; "
            "give a row for each class, in the order of the classes"
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
            f"--method.embeddings {file}: can't be read ({error.strerror}); name a .npy or a text file"
        ) from None
    except (ValueError, EOFError):
        return np.empty(0)
