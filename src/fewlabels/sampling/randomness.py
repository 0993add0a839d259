from fewlabels.randomness import Draws, key_of, permutation  # noqa: F401
