"""Label propagation over a graph of nearest neighbours (Iscen et al., Label Propagation for Deep SSL, CVPR 2019).

Legend: N images, D features, C classes, k neighbours.
"""

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags_array, eye_array
from scipy.sparse.linalg import cg
from torch import Tensor
from torch.nn.functional import normalize

CHUNK = 1 << 24
"""Number of similarities that are held at once, 64 MB."""


def nearest_neighbours(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k most similar other images of each image, exactly.

    The features are multiplied in chunks with all features: N^2 D operations, about a minute for 60,000 images of 128
    features on two slow cores. Larger pools are not practical.

    Args:
        features: (N, D).
        k: number of neighbours; reduced to N - 1 if larger.

    Returns:
        cosine similarities (N, k) float32, in descending order, and indices of the neighbours (N, k) int64.
    """
    features = normalize(features.float(), dim=1)
    count = len(features)
    k = min(k, count - 1)
    found = []
    for start in range(0, count, max(1, CHUNK // count)):
        chunk = features[start : start + max(1, CHUNK // count)] @ features.T
        chunk.diagonal(start).fill_(-torch.inf)
        found.append(chunk.topk(k, dim=1))
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def neighbour_graph(features: Tensor, k: int = 50, power: float = 3.0) -> csr_matrix:
    """Build the graph (N, N) of weights A + A^T, with A = max(cosine, 0)^power for the k neighbours of each image."""
    similarity, indices = nearest_neighbours(features, k)
    count, k = similarity.shape
    weights = similarity.clamp_min(0).double().pow(power).numpy()
    rows = np.repeat(np.arange(count), k)
    graph = csr_matrix((weights.ravel(), (rows, indices.numpy().ravel())), shape=(count, count))
    return csr_matrix(graph + graph.T)


def diffuse(
    graph: csr_matrix, seeds: np.ndarray, alpha: float = 0.99, iterations: int = 20, tolerance: float = 1e-6
) -> np.ndarray:
    """Solve (I - alpha D^-1/2 W D^-1/2) Z = Y by conjugate gradients, column by column.

    Args:
        graph: (N, N) symmetric W without self-loops; D holds its row sums. An image without neighbours keeps its seed.
        seeds: (N, C) float64 Y.
        alpha: from 0 to below 1; the larger, the farther labels spread.
        iterations: largest number of iterations.
        tolerance: of the residual, relative to the seeds.

    Returns:
        (N, C) float64 Z.
    """
    degree = np.asarray(graph.sum(1)).ravel()
    scale = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    system = csr_matrix(eye_array(len(degree)) - alpha * (scale @ graph @ scale))
    return np.stack([cg(system, y, rtol=tolerance, maxiter=iterations)[0] for y in seeds.T], axis=1)


def balanced_seeds(count: int, num_classes: int, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return Y (count, C) float64: 1 / (number of labelled images of the class) at the labelled rows, else 0.

    The paper's Eq. 5 has 1; the authors' code divides, so that a class with many labels does not dominate the graph.
    """
    seeds = np.zeros((count, num_classes))
    seeds[rows, labels] = 1 / np.bincount(labels, minlength=num_classes)[labels]
    return seeds


def propagated_labels(diffused: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the most likely class and its certainty for each row of a diffusion (N, C).

    The certainty is 1 - entropy / log C of the normalised row (Eq. 11), divided by the largest certainty, as in the
    authors' code. An image that no label reaches has certainty 0.

    Returns:
        labels (N,) int64 and certainties (N,) float64 from 0 to 1.
    """
    z = torch.from_numpy(diffused).clamp_min(0)
    reached = z.sum(1) > 0
    p = z / z.sum(1, keepdim=True).clamp_min(torch.finfo(z.dtype).tiny)
    entropy = -torch.xlogy(p, p).sum(1)
    certainty = (1 - entropy / np.log(z.shape[1])).clamp_min(0) * reached
    largest = certainty.max()
    return z.argmax(1), certainty / torch.where(largest > 0, largest, 1)


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Return N / (C n_c) for labels (N,), (C,) float32, so that all classes weigh the same; 0 for an empty class."""
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, len(labels) / (num_classes * counts.clamp_min(1)), 0.0)
