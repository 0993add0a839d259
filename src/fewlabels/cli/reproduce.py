"""``fewlabels reproduce [TABLE]``."""

from pathlib import Path

from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """The table, which of its cells, and where everything lies."""
    parser.add_argument("table", metavar="TABLE", nargs="?", help="a table; without one the tables are listed")
    parser.add_argument(
        "--cells", metavar="ROW[:COLUMN]", nargs="+", default=(), help="only these; * stands for any text"
    )
    parser.add_argument("--root", metavar="FOLDER", default=".", help="where the data lie (default: .)")
    parser.add_argument(
        "--out", metavar="FOLDER", default="runs/tables", help="figures and table (default: runs/tables)"
    )
    parser.add_argument(
        "--runs", metavar="FOLDER", default="runs/reproduce", help="run folders (default: runs/reproduce)"
    )
    parser.add_argument("--draws", metavar="N", type=int, help="label draws (default: the table's)")
    parser.add_argument(
        "--minutes", metavar="X", type=float, help="begin no further run after this time; 0 only writes the table"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Train what is missing and print the table."""
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
