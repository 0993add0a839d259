"""Options that say where the data of a run are now."""

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from fewlabels.cli.parser import Parser

if TYPE_CHECKING:
    from fewlabels.options import TrainOptions

PLACES = ("data", "labels", "root")


def add_places(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("--data", metavar="FOLDER", help="where the images are now (default: as in the run)")
    parser.add_argument("--labels", metavar="CSV", help="where their labels are now (default: as in the run)")
    parser.add_argument("--root", metavar="PATH", help="where known data sets are now (default: as in the run)")


def moved(args: Namespace, options: "TrainOptions") -> "TrainOptions":
    """Return the options of a run with the present places of its data."""
    return replace(options, **{name: place for name in PLACES if (place := getattr(args, name)) is not None})
