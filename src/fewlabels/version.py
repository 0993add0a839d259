"""The version of fewlabels, imported without torch."""

__version__ = "0.1.0"
