"""Choose the images to label next, by greedy facility location on features.

Legend: N images, D features, s(i, j) similarity, u(i) uncertainty.
"""

import numpy as np

from fewlabels.randomness import key_of, permutation

MOST = 5000
"""Images that are compared with each other, because the similarities of all pairs are stored."""


def choose_next(
    features: np.ndarray, labelled: np.ndarray, candidates: np.ndarray, count: int, uncertainty: np.ndarray
) -> np.ndarray:
    """Choose images that stand for as many others as possible, and for none that a labelled image stands for.

    Each choice j maximises sum_i u(i) max(0, s(i, j) - c(i)), where c(i) is the similarity of image i to the labelled
    or chosen image nearest to it: the greedy algorithm for the facility location function (Nemhauser, Wolsey and
    Fisher, 1978). s is the cosine of the centred features, cubed, negative values as 0, as in the graph of
    ``graph-probe``. With no label this chooses a typical image of each region in turn; with a model, regions where it
    is unsure count more.

    Args:
        features: (N, D).
        labelled: (L,) int64 rows.
        candidates: (M,) int64 rows without a label. Of more than :data:`MOST`, as many are drawn.
        count: at most M and :data:`MOST`.
        uncertainty: (N,) float from 0 to 1.

    Returns:
        (count,) int64 rows, the most valuable first.
    """
    if len(candidates) > MOST:
        drawn = permutation(key_of("next"), len(candidates)).numpy()[:MOST]
        candidates = candidates[np.sort(drawn)]
    unit = _centred_unit(features, np.union1d(candidates, labelled))
    similar = _similarity(unit[candidates], unit[candidates])
    covered = np.zeros(len(candidates), np.float32)
    for part in np.array_split(labelled, -(-len(labelled) // MOST)) if len(labelled) else []:
        covered = np.maximum(covered, _similarity(unit[candidates], unit[part]).max(1))
    weight = uncertainty[candidates].astype(np.float32)
    free = np.ones(len(candidates), bool)
    chosen = []
    for _ in range(count):
        gain = weight @ np.maximum(similar - covered[:, None], 0)
        best = int(np.where(free, gain, -1).argmax())
        chosen.append(best)
        free[best] = False
        covered = np.maximum(covered, similar[best])
    return candidates[chosen]


def _centred_unit(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Subtract the mean over the rows, and scale to length one: (N, D) float32."""
    centred = features - features[rows].mean(0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.maximum(length, 1e-12)).astype(np.float32)


def _similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cubed cosine of unit vectors (n, D) and (m, D), at least 0: (n, m) float32."""
    return np.maximum(a @ b.T, 0) ** 3
