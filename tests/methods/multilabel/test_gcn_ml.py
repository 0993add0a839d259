"""GCN-ML: the graph, the label embeddings, and the head set by the graph network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.methods.label_graph import GraphNetwork, adjacency, count_together, read_embeddings
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.build import ModelSpec, build

from .marked import TinyPool, batch, doubles, make

MARKS = torch.tensor([[1, 1, 0], [1, 1, -1], [-1, 1, 1], [0, 0, 0], [1, -1, 0]], dtype=torch.int8)


def test_the_graph_is_that_of_the_authors_code() -> None:
    """docs/papers/baselines.md, worked example ML-GCN; 2 of 5 reaches the threshold 0.4."""
    graph = adjacency(doubles([[0, 3, 1], [3, 0, 2], [1, 2, 0]]), doubles([4, 5, 10]), 0.4, 0.25)
    expected = doubles([[0.8, 0.182574, 0], [0.182574, 0.666667, 0], [0, 0.204124, 1]])
    torch.testing.assert_close(graph, expected, atol=1e-6, rtol=0)


def test_pairs_are_counted_if_both_are_known_to_be_present() -> None:
    together, alone = count_together(MARKS)
    assert together.tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    assert alone.tolist() == [3, 3, 1]


def test_classes_without_a_known_presence_have_no_neighbours() -> None:
    graph = adjacency(*count_together(torch.zeros(2, 3, dtype=torch.int8)), 0.4, 0.25)
    torch.testing.assert_close(graph, torch.eye(3, dtype=torch.float64))


@pytest.mark.usefixtures("in_float64")
def test_the_network_is_two_convolutions_with_a_leaky_relu_between() -> None:
    torch.manual_seed(0)
    network, names, graph = GraphNetwork(4, 5, 6), torch.randn(3, 4), torch.rand(3, 3)
    hidden = graph.numpy() @ names.numpy() @ network.first.detach().numpy()
    expected = graph.numpy() @ np.where(hidden > 0, hidden, 0.2 * hidden) @ network.second.detach().numpy()
    np.testing.assert_allclose(network(names, graph).detach().numpy(), expected, atol=1e-12)


def head_weight(model: torch.nn.Module) -> Tensor:
    return model.state_dict()["head.weight"]


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("bias", [False, True])
def test_the_head_and_its_average_are_those_of_the_graph_network(bias: bool) -> None:
    """The loss is that of the model's own logits, including the bias of pretrained models."""
    torch.manual_seed(0)
    spec = ModelSpec("small_cnn", 3, 1, 16, "class-maps", None, (0.5,), (0.25,), scaled=bias, bias=bias)
    method = make("gcn-ml", build(spec), hidden=8)
    average = WeightAverage(method.model, 0.0)
    method.start_round(0, TinyPool(MARKS))
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1)
    before = head_weight(method.model).clone()
    images = torch.randn(5, 1, 16, 16)
    method(batch((images,), MARKS)).terms["supervised"].backward()
    optimizer.step()
    method.after_step()
    average.update(method.model)
    after = head_weight(method.model)
    assert not torch.equal(before, after)
    assert torch.equal(after, head_weight(average.shadow))
    logits = method.model(images)
    own = torch.nn.functional.binary_cross_entropy_with_logits(logits, (MARKS > 0).float(), weight=(MARKS != 0).float())
    expected = own * MARKS.numel() / (MARKS != 0).sum()
    torch.testing.assert_close(method(batch((images,), MARKS)).terms["supervised"], expected)


@pytest.mark.usefixtures("in_float64")
def test_the_saved_model_is_a_plain_classifier() -> None:
    method = make("gcn-ml", hidden=8).eval()
    plain = build(ModelSpec("small_cnn", 3, 1, 16, "class-maps", None, (0.5,), (0.25,)))
    plain.load_state_dict(method.model.state_dict())
    images = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(plain.eval()(images), method.model(images))
    assert not any(name == "model.head.weight" for name, _ in method.named_parameters())


def test_the_gradient_reaches_the_graph_network_and_the_embeddings() -> None:
    method = make("gcn-ml", hidden=8)
    method(batch((torch.randn(5, 1, 16, 16),), MARKS)).terms["supervised"].backward()
    reached = {name for name, weight in method.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {"network_of_labels.first", "network_of_labels.second", "embeddings"} <= reached


def test_embeddings_are_read_from_arrays_and_from_text(tmp_path: Path) -> None:
    table = np.arange(6, dtype=np.float32).reshape(3, 2) / 4
    np.save(tmp_path / "names.npy", table)
    np.savetxt(tmp_path / "names.txt", table)
    np.savetxt(tmp_path / "names.csv", table, delimiter=",")
    for name in ("names.npy", "names.txt", "names.csv"):
        torch.testing.assert_close(read_embeddings(tmp_path / name, 3), torch.from_numpy(table))
    method = make("gcn-ml", hidden=8, embeddings=str(tmp_path / "names.npy"))
    assert "embeddings" not in dict(method.named_parameters())
    assert torch.equal(method.state_dict()["embeddings"], torch.from_numpy(table))


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"1 2\n3 4\n", "2 rows for 3 classes"), (b"1 2\n3\n5 6\n", "not a table"), (b"", "not a table"),
     (b"cat 1\ndog 2\ncow 3", "not a table"), (b"1 nan\n1 2\n3 4", "not a table"), (b"\xff\xfe\x00", "not a table")],
)  # fmt: skip
def test_a_file_without_a_valid_table_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "names.txt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=says) as error:
        make_parameters(load_method("gcn-ml", "multilabel"), {"embeddings": str(file)}, 3)
    assert str(error.value).startswith(f"--method.embeddings {file}: ")


def test_a_file_of_objects_is_refused_and_not_executed(tmp_path: Path) -> None:
    np.save(tmp_path / "names.npy", np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    for name in ("names.npy", "broken.npy"):
        with pytest.raises(UserError, match="not a table"):
            read_embeddings(tmp_path / name, 3)
    with pytest.raises(UserError, match="can't be read"):
        read_embeddings(tmp_path / "absent.npy", 3)
