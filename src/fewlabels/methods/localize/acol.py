"""ACoL: a second classifier is trained on the regions that the first one does not use."""

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, Losses, Network, Problem, parameter
from fewlabels.models.heads.adversarial_maps import ERASING, AdversarialMapClassifier
from fewlabels.models.heads.class_maps import class_scores
from fewlabels.models.localizer import Localizer


@dataclass(frozen=True)
class ACoLParameters(MapParameters):
    """Default of the authors' code (xiaomengyc/ACoL)."""

    erasing: float = parameter(
        ERASING, "features are erased where the first branch's scaled map is at least this", above=0, most=1
    )


class ACoL(MapMethod):
    """Both branches share the trunk; in training, features are erased by the first branch's map of the true class.

    The logits are the first branch's, the map is the maximum of both
    (:mod:`fewlabels.models.heads.adversarial_maps`). Batch statistics are updated in the one pass. The branches are
    smaller than the authors' (docs/papers/baselines.md, acol).
    """

    title = "ACoL"
    paper = "Zhang et al., Adversarial Complementary Learning for Weakly Supervised Object Localization, CVPR 2018."
    idea = (
        "Two branches of class maps share one trunk; features where the first branch's map is high are erased for the "
        "second, which has to recognise the class by other regions. The box comes from the maximum of both maps."
    )
    hyperparameters = ACoLParameters
    model: Localizer
    p: ACoLParameters

    def __init__(self, model: Localizer, parameters: ACoLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.classifier.erasing.fill_(parameters.erasing)

    @classmethod
    def network(cls, parameters: MapParameters) -> Network:
        """Ask for two branches of class maps, and boxes from a map."""
        return Network(head="adversarial-maps", boxes=cls.box_rule(parameters), fine_map=True)

    @property
    def classifier(self) -> AdversarialMapClassifier:
        """The classifier with both branches."""
        classifier = self.model.classifier
        assert isinstance(classifier, AdversarialMapClassifier)
        return classifier

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropies of both branches' mean maps, with equal weight."""
        labels = batch.labelled.labels
        maps = self.classifier.both_maps(batch.labelled.views[0], labels)
        first, second = (cross_entropy(class_scores(branch, 0.0, 1).mean, labels) for branch in maps)
        return Losses({"supervised": first, "erased": second})
