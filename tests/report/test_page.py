"""The page says what was measured, in words, needs nothing from outside, and shows names as text."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from fewlabels.report.page import RunSummary, render

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "img", "br"}


class _Page(HTMLParser):
    """The tags of a page, its visible text, and whether every element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.stack):
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).replace("\u00a0", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def _read(*runs: RunSummary) -> _Page:
    return _Page(render(runs))


def _with_classes(summary: RunSummary, names: list[str], confusion: list[list[int]]) -> RunSummary:
    counts = dict.fromkeys(names, 4)
    nothing = {"most_confident": {}, "least_confident": {}, "doubted": []}
    return replace(summary, classes=names, confusion=confusion, label_counts=counts, pseudo_counts=counts, **nothing)


def test_the_headline_is_the_test_accuracy(summary: RunSummary) -> None:
    test = {"accuracy": 0.973, "accuracy_low": 0.9697, "accuracy_high": 0.976, "num_images": 10000}
    page = _read(replace(summary, metrics=summary.metrics | {"test": test}))
    assert "97.3 % of 10,000 test images are right" in page.text
    assert "95 % interval 97.0–97.6 %." in page.text


def test_without_a_test_split_the_estimate_says_what_it_is(summary: RunSummary) -> None:
    estimate = {
        "accuracy": 0.9,
        "accuracy_low": 0.77,
        "accuracy_high": 0.96,
        "num_images": 40,
        "what": "It is a probe.",
    }
    text = _read(replace(summary, metrics={"cross_fit": estimate})).text
    assert "An estimated 90.0 % of new images would be right" in text
    assert "It is a probe." in text
    assert "counted on 40 images only" in text


def test_without_any_measure_nothing_is_claimed(summary: RunSummary) -> None:
    text = _read(replace(summary, metrics={}, confusion=None)).text
    assert "How accurate the model is can't be said" in text


def test_accuracy_is_never_rounded_up_to_all(summary: RunSummary) -> None:
    test = {"accuracy": 0.9999, "num_images": 10000}
    assert "> 99.9 % of 10,000 test images" in _read(replace(summary, metrics={"test": test})).text


def test_accepted_labels_are_counted(summary: RunSummary) -> None:
    total = sum(summary.pseudo_counts.values())
    assert f"{total:,} of 1,397 unlabelled images" in _read(summary).text


def test_where_every_image_had_a_label_nothing_is_said_of_unlabelled_ones(summary: RunSummary) -> None:
    metrics = summary.metrics | {"train": summary.metrics["train"] | {"num_unlabelled": 0}}
    given = summary.config | {"pool_includes_labelled": True}
    page = _read(replace(summary, config=given, metrics=metrics, pseudo_counts=dict.fromkeys(summary.classes, 0)))
    assert "Every training image came with its label" in page.text
    assert "Accepted labels of unlabelled images" not in page.text
    assert "Unlabelled pool" not in page.text


def test_the_test_curve_is_said_to_have_chosen_nothing(summary: RunSummary) -> None:
    assert "it chose nothing" in _read(summary).text


@pytest.mark.parametrize(("val", "said"), [(None, True), ({"accuracy": 0.9, "num_images": 50}, False)])
def test_a_missing_validation_split_is_said(summary: RunSummary, val: dict[str, float] | None, said: bool) -> None:
    metrics = summary.metrics | ({"val": val} if val else {})
    assert ("the last averaged model is used" in _read(replace(summary, metrics=metrics)).text) == said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "none", "freeze": False}, "small_cnn, from random weights, all layers trained"),
        ({"weights": "imagenet", "freeze": True}, "small_cnn, from ImageNet weights, its backbone fixed"),
        ({"weights": "runs/head/model.safetensors", "freeze": False}, "small_cnn, from model.safetensors, all layers"),
    ],
)
def test_what_the_network_began_from_and_what_of_it_learned_is_said(
    summary: RunSummary, settings: dict[str, object], words: str
) -> None:
    page = _read(replace(summary, config=summary.config | {"backbone": "small_cnn"} | settings))
    assert words in page.text


@pytest.mark.parametrize(("pool", "words"), [(True, "includes the labelled"), (False, "without the labelled")])
def test_whether_the_pool_includes_the_labelled_images_is_said(summary: RunSummary, pool: bool, words: str) -> None:
    config = summary.config | {"pool_includes_labelled": pool}
    assert words in _read(replace(summary, config=config)).text


def test_collapse_and_imbalance_are_said_first(summary: RunSummary) -> None:
    pseudo = {name: 900 if name == "1" else 1 for name in summary.classes}
    given = {name: 30 if name == "3" else 4 for name in summary.classes}
    text = _read(replace(summary, pseudo_counts=pseudo, label_counts=given)).text
    assert (
        text.index("What to distrust")
        < text.index("99 % of the 909 accepted pseudo-labels")
        < text.index("What was run")
    )
    assert "'3' has 30 labels" in text


def test_a_note_is_said_once(summary: RunSummary) -> None:
    assert _read(replace(summary, notes=["Look here.", "Look here."])).text.count("Look here.") == 1


def test_the_parts_come_in_the_order_of_a_reader(summary: RunSummary) -> None:
    text = _read(summary).text
    parts = ["are right", "What to distrust", "What was run", "How training went", "What is taken for what"]
    parts += ["most and least sure", "Given labels that the model doubts", "Every parameter"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_share_of_pseudo_labels_is_called_share_kept(summary: RunSummary) -> None:
    page = render([summary])
    assert "share kept" in page
    assert not re.search(r"mask|share dropped", page.split("<script")[0], re.IGNORECASE)


def test_every_parameter_is_listed_in_a_closed_part(summary: RunSummary) -> None:
    page = _read(summary)
    assert "parameters.threshold_momentum 0.999" in page.text
    assert all("open" not in attrs for attrs in page.all("details"))


def test_nothing_is_fetched_from_outside(summary: RunSummary, other: RunSummary) -> None:
    for runs in ([summary], [summary, other]):
        page = _read(*runs)
        links = [value for _, attrs in page.tags for key, value in attrs.items() if key in ("src", "href", "action")]
        assert links
        assert all(link and link.startswith(("data:", "#")) for link in links)
        text = render(runs)
        assert not re.search(r"https?:|url\(|@import|//[a-z]", text.split("<script")[0])
        policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
        assert policy is not None
        assert policy.startswith("default-src 'none'")


def test_no_script_is_needed_or_run(summary: RunSummary) -> None:
    assert [script["type"] for script in _read(summary).all("script")] == ["application/json"]


def test_names_are_shown_as_text_and_never_run(summary: RunSummary) -> None:
    classes = [HOSTILE, *summary.classes[1:]]
    example = replace(summary.doubted[0], path=HOSTILE, label=HOSTILE, given=HOSTILE + '"', truth="'" + HOSTILE)
    hostile = replace(
        summary,
        name=HOSTILE,
        classes=classes,
        notes=[HOSTILE],
        config={HOSTILE: HOSTILE, "title": HOSTILE, "idea": HOSTILE, "paper": HOSTILE, "data": HOSTILE},
        label_counts=dict.fromkeys(classes, 1),
        pseudo_counts=dict.fromkeys(classes, 1),
        most_confident={HOSTILE: [example]},
        least_confident={HOSTILE: [example]},
        doubted=[example],
    )
    for runs in ([hostile], [hostile, summary]):
        page = _read(*runs)
        assert {script["type"] for script in page.all("script")} == {"application/json"}
        assert HOSTILE in page.text
        assert not [attrs for _, attrs in page.tags if any(key.startswith("on") for key in attrs)]


def test_images_tables_and_charts_can_be_read_without_seeing(summary: RunSummary) -> None:
    page = _read(summary)
    images = page.all("img")
    assert len(images) == 10 * 12 + len(summary.doubted)
    assert all(image["alt"] and "the model says" in image["alt"] for image in images)
    assert all(chart["aria-label"] for chart in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_headings_skip_no_level_and_one_is_first(summary: RunSummary, other: RunSummary) -> None:
    for runs in ([summary], [summary, other]):
        levels = [int(tag[1]) for tag, _ in _read(*runs).tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_thirty_classes_have_a_heat_table_and_more_have_the_worst_pairs(summary: RunSummary) -> None:
    def run(size: int) -> RunSummary:
        confusion = [[9 if column == row else 0 for column in range(size)] for row in range(size)]
        confusion[3][5] = 7
        return _with_classes(summary, [f"c{k}" for k in range(size)], confusion)

    small, large = _read(run(30)), _read(run(31))
    assert any(table.get("class") == "heat" for table in small.all("table"))
    assert "c3 taken for c5 (7)" in small.text
    assert not any(table.get("class") == "heat" for table in large.all("table"))
    assert "c3 c5 7 43.8 %" in large.text


def test_a_class_without_test_images_has_no_recall(summary: RunSummary) -> None:
    page = _read(_with_classes(summary, ["a", "b"], [[4, 1], [0, 0]]))
    assert "a 4 1 80 % b · · –" in page.text


def test_wrong_images_are_marked(summary: RunSummary) -> None:
    shown = [*summary.most_confident.values(), *summary.least_confident.values()]
    wrong = sum(example.label != example.truth for examples in shown for example in examples)
    assert wrong > 0
    assert sum("wrong" in (figure.get("class") or "") for figure in _read(summary).all("figure")) == wrong


def test_several_runs_are_compared_first(summary: RunSummary, other: RunSummary) -> None:
    page = _read(summary, other)
    best = max([summary, other], key=lambda run: run.metrics["test"]["accuracy"])
    assert f"{best.name} has the highest accuracy" in page.text
    assert page.text.index("The runs compared") < page.text.index("Learning curves") < page.text.index("What was run")
    labels = [chart["aria-label"] or "" for chart in page.all("svg")]
    assert any(label.startswith("Accuracy on the test images") and other.name in label for label in labels)
    identifiers = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    assert {link["href"] for link in page.all("a")} == {"#run-1", "#run-2"}


def test_runs_judged_by_different_images_are_not_ranked(summary: RunSummary, other: RunSummary) -> None:
    estimated = replace(other, metrics={"cross_fit": {"accuracy": 0.99, "num_images": 40}})
    text = _read(summary, estimated).text
    assert "highest accuracy" not in text
    assert "can't be ranked" in text


def test_a_run_without_history_examples_or_settings_has_a_page(summary: RunSummary) -> None:
    bare = RunSummary("bare", {}, {}, [], ["a", "b"], None, {}, {})
    for runs in ([bare], [bare, summary]):
        assert "bare" in _read(*runs).text
    assert "How training went" not in _read(bare).text
