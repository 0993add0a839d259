"""The page states what was measured, makes no request, and shows names as text."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.report.pages import HOSTILE, Page, page_of, text_of, with_own

from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.summary import MethodNote, RunSummary


def read(*runs: RunSummary) -> Page:
    return Page(page_of(*runs))


def own(run: RunSummary) -> ClassifyContent:
    assert isinstance(run.own, ClassifyContent)
    return run.own


def with_classes(summary: RunSummary, names: list[str], confusion: list[list[int]]) -> RunSummary:
    counts = dict.fromkeys(names, 4)
    content = ClassifyContent(label_counts=counts, pseudo_counts=counts, confusion=confusion)
    return replace(summary, classes=names, own=content)


def test_the_headline_is_the_test_accuracy(summary: RunSummary) -> None:
    test = {"accuracy": 0.973, "accuracy_low": 0.9697, "accuracy_high": 0.976, "num_images": 10000}
    text = text_of(replace(summary, metrics=summary.metrics | {"test": test}))
    assert "Accuracy 97.3 % on 10,000 test images" in text
    assert "95 % interval 97.0–97.6 %." in text


def test_without_a_test_split_the_headline_is_an_estimate_that_is_explained(summary: RunSummary) -> None:
    estimate = {
        "accuracy": 0.9, "accuracy_low": 0.77, "accuracy_high": 0.96, "num_images": 40, "what": "It is a probe.",
    }  # fmt: skip
    text = text_of(replace(summary, metrics={"cross_fit": estimate}))
    assert "Estimated accuracy 90.0 % on new images" in text
    assert "It is a probe." in text
    assert "The accuracy was measured on only 40 images: the 95 % interval is 77.0–96.0 %." in text


def test_without_any_measure_the_accuracy_is_unknown(summary: RunSummary) -> None:
    assert "Accuracy unknown: there are no test images" in text_of(
        with_own(replace(summary, metrics={}), confusion=None)
    )


def test_accuracy_is_never_rounded_up_to_all(summary: RunSummary) -> None:
    test = {"accuracy": 0.9999, "num_images": 10000}
    assert "Accuracy > 99.9 % on 10,000 test images" in text_of(replace(summary, metrics={"test": test}))


def test_accepted_labels_are_counted(summary: RunSummary) -> None:
    total = sum(own(summary).pseudo_counts.values())
    assert f"accepts its pseudo-label for {total:,} of 1,397 unlabelled images" in text_of(summary)


def test_a_run_without_unlabelled_images_has_no_pseudo_labels(summary: RunSummary) -> None:
    metrics = summary.metrics | {"train": summary.metrics["train"] | {"num_unlabelled": 0}}
    run = with_own(replace(summary, metrics=metrics), pseudo_counts=dict.fromkeys(summary.classes, 0))
    text = text_of(run)
    assert "All training images have a given label" in text
    assert "Accepted pseudo-labels per class" not in text
    assert "Unlabelled pool" not in text


def test_nothing_was_selected_with_the_test_curves(summary: RunSummary) -> None:
    assert "nothing was selected with them" in text_of(summary)


def test_charts_have_the_titles_of_the_task(summary: RunSummary) -> None:
    history = [{"step": float(step), "share_accepted": 0.5} for step in (0, 100)]
    text = text_of(replace(summary, history=history), replace(summary, name="again", history=history))  # pyright: ignore
    assert "Share of unlabelled images with an accepted label" in text
    assert "unknown marks" not in text


@pytest.mark.parametrize(("val", "stated"), [(None, True), ({"accuracy": 0.9, "num_images": 50}, False)])
def test_a_missing_validation_split_is_stated(summary: RunSummary, val: dict[str, float] | None, stated: bool) -> None:
    metrics: dict[str, Any] = summary.metrics | ({"val": val} if val else {})
    assert ("the last averaged model is used" in text_of(replace(summary, metrics=metrics))) == stated


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "none", "freeze": False}, "small_cnn, from random weights, all layers trained"),
        ({"weights": "imagenet", "freeze": True}, "small_cnn, from ImageNet weights, backbone frozen"),
        ({"weights": "runs/head/model.safetensors", "freeze": False}, "small_cnn, from model.safetensors, all layers"),
    ],
)
def test_the_initial_weights_and_the_trained_layers_are_stated(
    summary: RunSummary, settings: dict[str, object], words: str
) -> None:
    assert words in text_of(replace(summary, config=summary.config | {"backbone": "small_cnn"} | settings))


@pytest.mark.parametrize(("pool", "words"), [(True, "includes the labelled"), (False, "without the labelled")])
def test_whether_the_pool_includes_the_labelled_images_is_stated(summary: RunSummary, pool: bool, words: str) -> None:
    assert words in text_of(with_own(summary, pool_includes_labelled=pool))


def test_collapse_and_imbalance_are_among_the_limitations(summary: RunSummary) -> None:
    pseudo = {name: 900 if name == "1" else 1 for name in summary.classes}
    given = {name: 30 if name == "3" else 4 for name in summary.classes}
    text = text_of(with_own(summary, pseudo_counts=pseudo, label_counts=given))
    assert text.index("Limitations") < text.index("99 % of the 909 accepted pseudo-labels") < text.index("Setup")
    assert "'3' has 30 labels" in text


def test_a_note_is_shown_once(summary: RunSummary) -> None:
    assert text_of(replace(summary, notes=["Look here.", "Look here."])).count("Look here.") == 1


def test_the_sections_are_in_the_order_of_a_reader(summary: RunSummary) -> None:
    text = text_of(summary)
    parts = ["Accuracy", "Limitations", "Figures", "Setup", "Training curves", "Confusion matrix"]
    parts += ["Most and least confident images", "Given labels that differ from the prediction", "Configuration"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_share_of_pseudo_labels_in_the_loss_is_called_share_kept(summary: RunSummary) -> None:
    page = page_of(summary)
    assert "share kept" in page
    assert not re.search(r"mask|share dropped", page.split("<script")[0], re.IGNORECASE)


def test_every_setting_is_listed_in_a_closed_part(summary: RunSummary) -> None:
    page = read(summary)
    assert "parameters.threshold_momentum 0.999" in page.text
    assert page.all("details")
    assert all("open" not in attrs for attrs in page.all("details"))


def test_nothing_is_fetched_from_outside(summary: RunSummary, other: RunSummary) -> None:
    for runs in ([summary], [summary, other]):
        page = read(*runs)
        links = [value for _, attrs in page.tags for key, value in attrs.items() if key in ("src", "href", "action")]
        assert links
        assert all(link and link.startswith(("data:", "#")) for link in links)
        text = page_of(*runs)
        assert not re.search(r"https?:|url\(|@import|//[a-z]", text.split("<script")[0])
        policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
        assert policy is not None
        assert policy.startswith("default-src 'none'")


def test_no_script_is_needed_or_run(summary: RunSummary) -> None:
    assert [script["type"] for script in read(summary).all("script")] == ["application/json"]


def test_names_are_shown_as_text_and_never_run(summary: RunSummary) -> None:
    classes = [HOSTILE, *summary.classes[1:]]
    example = replace(own(summary).doubted[0], path=HOSTILE, label=HOSTILE, given=HOSTILE + '"', truth="'" + HOSTILE)
    hostile = replace(
        summary,
        name=HOSTILE,
        classes=classes,
        notes=[HOSTILE],
        method=MethodNote(HOSTILE, HOSTILE, HOSTILE),
        config={HOSTILE: HOSTILE, "data": HOSTILE, "backbone": HOSTILE},
        history=[{"step": 0.0, "loss": 1.0, f"loss/{HOSTILE}": 1.0, "loss/b": 2.0}],
    )
    counts = dict.fromkeys(classes, 1)
    hostile = with_own(
        hostile, label_counts=counts, pseudo_counts=counts, most_confident={HOSTILE: [example]},
        least_confident={HOSTILE: [example]}, doubted=[example],
    )  # fmt: skip
    for runs in ([hostile], [hostile, summary]):
        page = read(*runs)
        assert {script["type"] for script in page.all("script")} == {"application/json"}
        assert HOSTILE in page.text
        assert not [attrs for _, attrs in page.tags if any(key.startswith("on") for key in attrs)]


def test_images_tables_and_charts_can_be_read_without_seeing(summary: RunSummary) -> None:
    page = read(summary)
    images = page.all("img")
    assert len(images) == 10 * 12 + len(own(summary).doubted)
    assert all(image["alt"] and "predicted" in image["alt"] for image in images)
    assert all(chart["aria-label"] for chart in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_headings_skip_no_level_and_one_is_first(summary: RunSummary, other: RunSummary) -> None:
    for runs in ([summary], [summary, other]):
        levels = [int(tag[1]) for tag, _ in read(*runs).tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_thirty_classes_have_a_confusion_matrix_and_more_have_the_most_frequent_errors(summary: RunSummary) -> None:
    def run(size: int) -> RunSummary:
        confusion = [[9 if column == row else 0 for column in range(size)] for row in range(size)]
        confusion[3][5] = 7
        return with_classes(summary, [f"c{k}" for k in range(size)], confusion)

    small, large = read(run(30)), read(run(31))
    assert any(table.get("class") == "heat" for table in small.all("table"))
    assert "c3 as c5 (7)" in small.text
    assert not any(table.get("class") == "heat" for table in large.all("table"))
    assert "c3 c5 7 43.8 %" in large.text


def test_a_class_without_test_images_has_no_recall(summary: RunSummary) -> None:
    assert "a 4 1 80 % b · · –" in text_of(with_classes(summary, ["a", "b"], [[4, 1], [0, 0]]))


def test_wrong_images_are_marked(summary: RunSummary) -> None:
    shown = [*own(summary).most_confident.values(), *own(summary).least_confident.values()]
    wrong = sum(example.label != example.truth for examples in shown for example in examples)
    assert wrong > 0
    assert sum("wrong" in (figure.get("class") or "") for figure in read(summary).all("figure")) == wrong


def test_several_runs_are_compared_first(summary: RunSummary, other: RunSummary) -> None:
    page = read(summary, other)
    best = max([summary, other], key=lambda run: run.metrics["test"]["accuracy"] or 0)
    assert f"{best.name} has the highest accuracy" in page.text
    assert page.text.index("Comparison") < page.text.index("Learning curves") < page.text.index("Setup")
    labels = [chart["aria-label"] or "" for chart in page.all("svg")]
    assert any(label.startswith("Accuracy on the test images") and other.name in label for label in labels)
    identifiers = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    assert {link["href"] for link in page.all("a")} == {"#run-1", "#run-2"}


def test_runs_evaluated_on_different_images_are_not_ranked(summary: RunSummary, other: RunSummary) -> None:
    estimated = replace(other, metrics={"cross_fit": {"accuracy": 0.99, "num_images": 40}})
    text = text_of(summary, estimated)
    assert "highest accuracy" not in text
    assert "can't be ranked" in text


def test_a_run_without_history_examples_or_settings_has_a_page(summary: RunSummary) -> None:
    bare = RunSummary("bare", "classify", {}, {}, [], ["a", "b"], own=ClassifyContent())
    for runs in ([bare], [bare, summary]):
        assert "bare" in text_of(*runs)
    assert "Training curves" not in text_of(bare)


def test_the_origin_of_the_weights_is_a_fact_and_not_a_limitation(summary: RunSummary) -> None:
    page = page_of(replace(summary, weights_notes=["package of weights 1.0, licence Apache-2.0", "head dropped"]))
    assert "package of weights 1.0, licence Apache-2.0; head dropped" in page
    limitations = page.split('class="limitations"')[1].split("</ul>")[0] if 'class="limitations"' in page else ""
    assert "Apache-2.0" not in limitations
