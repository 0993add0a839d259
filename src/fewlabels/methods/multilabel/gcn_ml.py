"""GCN-ML: each class's weights come from its name, by a network over the graph of classes that occur together."""

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
"""Length of embeddings that are learned: that of the paper's GloVe vectors."""


@dataclass(frozen=True)
class GCNMLParameters(Parameters):
    """Defaults of the paper's MS-COCO runs."""

    embeddings: str = parameter(
        "", "a .npy or text file of label embeddings, a row per class (the paper: GloVe); none: they are learned"
    )
    hidden: int = parameter(1024, "width between the two graph convolutions", least=1)
    threshold: float = parameter(
        0.4, "tau: classes are joined if one is on this share of the other's images", above=0, most=1
    )
    reweight: float = parameter(0.25, "p: what the neighbours of a class weigh together, beside its own 1", least=0)

    def validate(self, num_classes: int) -> None:
        """The file has a row per class."""
        if self.embeddings:
            read_embeddings(Path(self.embeddings), num_classes)


class GCNML(MultiLabelMethod):
    """Batch statistics move in the one pass.

    The head's weight is no parameter here but a buffer that follows the graph network after each step: what is
    averaged, saved and evaluated is a plain classifier. Features are averaged over the places (the paper takes the
    largest), as all methods' here are. Pairs are counted over the marks that are known to be present.
    """

    title = "GCN-ML"
    paper = "Chen et al., Multi-Label Image Recognition with Graph Convolutional Networks, CVPR 2019."
    idea = (
        "Classes that are often present together are joined in a graph, and a network over this graph turns the "
        "embedding of each class's name into its classifier. Only the known marks are learned from."
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
        """(K, D) the classifier of each class."""
        return self.network_of_labels(self.embeddings, self.graph)

    def start_round(self, number: int, pool: Pool) -> None:
        """Build the graph from the marks."""
        graph = adjacency(*count_together(pool.labels), self.p.threshold, self.p.reweight)
        self.graph.copy_(graph)
        self.after_step()

    def losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy over the known marks, by the weights that the graph network gives now."""
        logits = self.model.features(batch.labelled.views[0]) @ self.class_weights().T
        bias = self.model.networks()[0].head.bias
        if isinstance(bias, Tensor):
            logits = logits + bias
        return Losses({"supervised": known_loss(logits, batch.labelled.labels)})

    @torch.no_grad()
    def after_step(self) -> None:
        """Let the head be what the graph network says."""
        weight = self.model.networks()[0].head.weight
        assert isinstance(weight, Tensor)
        weight.copy_(self.class_weights().view_as(weight))
