"""An image of several classes on the page, and where the network sees each of them."""

from fewlabels.report.marking import ClassMap, ClassMapped
from fewlabels.report.markup import percent, section
from fewlabels.report.thumbnails import picture


def marked_image(one: ClassMapped) -> str:
    """The image itself, and what it is known to show."""
    if one.truth is None:
        return picture(one.image, one.path, "", False)
    shown = ", ".join(one.truth) or "nothing"
    return picture(one.image, f"{one.path}, shows {shown}", f"shows {shown}", False)


def class_overlays(one: ClassMapped) -> str:
    """Its heat maps in a row."""
    return f'<div class="overlays">{"".join(_overlay(one.path, found) for found in one.maps)}</div>'


def _overlay(path: str, found: ClassMap) -> str:
    says = f"{found.name}, {percent(found.probability, 0)}"
    described = f"{path}, bright where evidence for {found.name} is; the model says {says}"
    return picture(found.overlay, described, says, found.right is False)


def class_maps_part(maps: list[ClassMapped], level: int) -> str:
    """A few images, each beside the maps of its most probable classes."""
    if not maps:
        return ""
    lead = (
        "Beside each image the maps of the classes of highest probability: the brighter the more evidence within that "
        "map, dark where there is none; beneath, the class and its probability. A frame marks a class that is named "
        "but not there, or there but not named (below 50\u00a0%)."
    )
    items = "".join(f"<li>{marked_image(one)}{class_overlays(one)}</li>" for one in maps)
    return section("Where the network sees each class", f'<ul class="pairs classes">{items}</ul>', level, lead)
