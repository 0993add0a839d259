"""The images themselves: the most and least confident of each class, and the labels the model doubts."""

from collections.abc import Mapping, Sequence

from fewlabels.report.markup import details, esc, percent, plural
from fewlabels.report.summary import Example

ByClass = Mapping[str, Sequence[Example]]
MOST_OPEN = 12
"""Classes whose images are shown at once; those of the further ones are folded away."""


def _described(example: Example) -> str:
    """What a person who can't see the image is told."""
    parts = [f"{example.path}: the model says {example.label}, {percent(example.confidence, 0)} sure"]
    if example.given is not None:
        parts.append(f"given label {example.given}")
    if example.truth is not None:
        parts.append(f"true class {example.truth}")
    return ", ".join(parts)


def picture(image: str, described: str, caption: str, wrong: bool) -> str:
    """An image with what it shows for who can't see it, and a line beneath; a frame where that is wrong."""
    text = esc(described)
    return (
        f'<figure class="thumb{" wrong" if wrong else ""}"><img src="{esc(image)}" alt="{text}" title="{text}">'
        f"<figcaption>{esc(caption)}</figcaption></figure>"
    )


def _thumb(example: Example) -> str:
    wrong = example.truth is not None and example.truth != example.label
    caption = percent(example.confidence, 0)
    if wrong:
        caption = f"{caption}, is {example.truth}"
    return picture(example.image, _described(example), caption, wrong)


def _strip(title: str, examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    return f'<div class="strip"><p>{esc(title)}</p><div>{"".join(map(_thumb, examples))}</div></div>'


def _class_row(name: str, strips: Mapping[str, ByClass], level: int) -> str:
    shown = "".join(_strip(title, examples.get(name, [])) for title, examples in strips.items())
    return f'<div class="class"><h{level}>{esc(name)}</h{level}>{shown}</div>' if shown else ""


def examples_part(classes: Sequence[str], strips: Mapping[str, ByClass], level: int) -> str:
    """A row per class that has examples, with a strip of each kind; ``level`` is that of the class headings."""
    rows = [row for name in classes if (row := _class_row(name, strips, level))]
    folded = rows[MOST_OPEN:]
    more = details(f"{plural(len(folded), 'more class', 'more classes')}", "".join(folded)) if folded else ""
    return "".join(rows[:MOST_OPEN]) + more


def _doubt(example: Example) -> str:
    text = esc(_described(example))
    truth = f"<br>truth: {esc(example.truth)}" if example.truth is not None else ""
    return (
        f'<li><img src="{esc(example.image)}" alt="{text}"><p>given <strong>{esc(example.given)}</strong><br>model '
        f"<strong>{esc(example.label)}</strong>, {percent(example.confidence, 0)}{truth}<br>"
        f'<span class="path">{esc(example.path)}</span></p></li>'
    )


def doubted_part(examples: Sequence[Example]) -> str:
    """A card per image whose given label the model disagrees with."""
    return f'<ul class="doubts">{"".join(map(_doubt, examples))}</ul>' if examples else ""
