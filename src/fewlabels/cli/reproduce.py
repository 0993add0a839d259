"""``fewlabels reproduce [TABLE]``."""

from pathlib import Path

from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """Add the options for the table, its cells and the directories."""
    parser.add_argument("table", metavar="TABLE", nargs="?", help="name of a table; without it, the tables are listed")
    parser.add_argument(
        "--cells", metavar="ROW[:COLUMN]", nargs="+", default=(), help="only these cells; * matches any text"
    )
    parser.add_argument("--root", metavar="FOLDER", default=".", help="directory of the data sets (default: .)")
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default="runs/tables",
        help="directory of the tables (default: runs/tables)",
    )
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        default="runs/reproduce",
        help="directory of the run folders (default: runs/reproduce)",
    )
    parser.add_argument("--draws", metavar="N", type=int, help="number of label draws (default: the table's)")
    parser.add_argument(
        "--minutes", metavar="X", type=float, help="start no further run after this time; 0 only writes the table"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Train the missing cells and print the table."""
    args = parser.parse(argv)
    from fewlabels.recipes.table import load_table, table_names

    if args.table is None:
        for name in table_names():
            print(f"{name}\t{load_table(name, Path(args.root)).title}")
        return
    load_table(args.table, Path(args.root))
    from fewlabels.recipes.reproduce import reproduce

    written = reproduce(
        args.table, Path(args.root), Path(args.out), Path(args.runs), args.cells, args.draws, args.minutes
    )
    print(written.read_text(encoding="utf-8"), end="")
