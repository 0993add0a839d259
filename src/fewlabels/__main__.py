"""``python -m fewlabels``, which is also what ``torchrun -m fewlabels`` starts."""

from fewlabels.cli.main import entry

entry()
