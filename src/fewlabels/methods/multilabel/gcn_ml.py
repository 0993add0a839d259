"""GCN-ML: a graph network over co-occurring classes maps embeddings of class names to classifiers."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fewlabels.methods.label_graph import GraphNetwork, adjacency, count_together, read_embeddings
from fewlabels.methods.marks import known_loss
from fewlabels.methods.method import Batch, Losses, Parameters, Pool, Problem, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier

LEARNED = 300
"""Length of learned embeddings, equal to that of the paper's GloVe vectors."""


@dataclass(frozen=True)
class GCNMLParameters(Parameters):
    """Defaults of the paper's MS-COCO runs."""

    embeddings: str = parameter(
        "", "a .npy or text file of label embeddings, one row per class (the paper: GloVe); without it they are learned"
    )
    hidden: int = parameter(1024, "width between the two graph convolutions", least=1)
    threshold: float = parameter(
        0.4, "tau: classes are joined if one is present on this share of the other's images", above=0, most=1
    )
    reweight: float = parameter(0.25, "p: total weight of the neighbours of a class, relative to its own 1", least=0)

    def validate(self, num_classes: int) -> None:
        """Check that the file has one row per class."""
        if self.embeddings:
            read_embeddings(Path(self.embeddings), num_classes)


class GCNML(MultiLabelMethod):
    """Batch statistics are updated in the one pass.

    The weight of the head is not a parameter but a buffer, which is set to the output of the graph network after each
    step. So a plain classifier is averaged, saved and evaluated. Features are averaged over the places, as in all
    methods here; the paper takes the maximum. Pairs are counted over marks that are known to be present.
    """

    title = "GCN-ML"
    paper = "Chen et al., Multi-Label Image Recognition with Graph Convolutional Networks, CVPR 2019."
    idea = (
        "Classes that are often present together are joined in a graph, and a graph network maps the embedding of each "
        "class name to the weights of its classifier. Only the known marks are used."
    )
    hyperparameters = GCNMLParameters
    p: GCNMLParameters
    embeddings: Tensor
    graph: Tensor

    def __init__(self, model: Classifier, parameters: GCNMLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        if parameters.embeddings:
            self.register_buffer("embeddings", read_embeddings(Path(parameters.embeddings), problem.num_classes))
        else:
            self.embeddings = nn.Parameter(torch.randn(problem.num_classes, LEARNED))
        self.network_of_labels = GraphNetwork(self.embeddings.shape[1], parameters.hidden, model.num_features)
        self.register_buffer("graph", torch.eye(problem.num_classes))
        head = model.networks()[0].head
        weight = head.weight
        assert isinstance(weight, nn.Parameter)
        del head.weight
        head.register_buffer("weight", weight.detach())
        self.after_step()

    def class_weights(self) -> Tensor:
        """Return the weights of the classifier of each class, (K, D)."""
        return self.network_of_labels(self.embeddings, self.graph)

    def start_round(self, number: int, pool: Pool) -> None:
        """Build the graph from the known marks."""
        graph = adjacency(*count_together(pool.labels), self.p.threshold, self.p.reweight)
        self.graph.copy_(graph)
        self.after_step()

    def losses(self, batch: Batch) -> Losses:
        """Return the binary cross-entropy over the known marks, with the current output of the graph network."""
        logits = self.model.features(batch.labelled.views[0]) @ self.class_weights().T
        bias = self.model.networks()[0].head.bias
        if isinstance(bias, Tensor):
            logits = logits + bias
        return Losses({"supervised": known_loss(logits, batch.labelled.labels)})

    @torch.no_grad()
    def after_step(self) -> None:
        """Copy the output of the graph network to the head."""
        weight = self.model.networks()[0].head.weight
        assert isinstance(weight, Tensor)
        weight.copy_(self.class_weights().view_as(weight))
