"""The pieces of a run after they were built and before anything moves."""

from dataclasses import dataclass

from fewlabels.data.dataset import Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.methods.method import Method
from fewlabels.models.build import ModelSpec
from fewlabels.options import Settings
from fewlabels.training.generator import Origin
from fewlabels.training.images import Images
from fewlabels.training.trunk import Trunk, Views


@dataclass(frozen=True)
class Experiment:
    """What a run trains, with what, and on what."""

    settings: Settings
    dataset: Dataset
    split: LabelSplit
    images: Images
    spec: ModelSpec
    method: Method
    views: Views
    trunk: Trunk
    notes: tuple[str, ...]
    """What the user should know about the data and the run."""
    weights_notes: tuple[str, ...]
    """Where the first weights of the network come from, and what of them is used."""
    origin: Origin | None = None
    """The run whose boxes the method learns; None if it makes its own or has none."""

    @property
    def mu(self) -> int:
        """Unlabelled images per labelled one in a batch; 0 where the method does not look at them."""
        return self.method.p.mu if self.views.unlabelled else 0
