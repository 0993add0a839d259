"""The tables there are: what their cells say is what the command line takes."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from fewlabels.cli.main import main
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.options import TrainOptions, validate
from fewlabels.recipes.table import Cell, PaperTable, grid, load_table, table_names

TABLES = table_names()
NOWHERE = Path("/no where/at all")


class Began(Exception):
    """Raised in the place of a training run; holds its options."""


@pytest.fixture(autouse=True)
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(options: TrainOptions, *_: object, **__: object) -> None:
        raise Began(options)

    monkeypatch.setattr("fewlabels.run.train.train", begin)


def type_in(command: str, root: Path, draw: int) -> TrainOptions:
    """The options that a run would get if a cell's command was typed."""
    program, *words = shlex.split(command.replace("ROOT", shlex.quote(str(root))).replace("DRAW", str(draw)))
    assert program == "fewlabels"
    with pytest.raises(Began) as began:
        main(words)
    return began.value.args[0]


def settled(options: TrainOptions) -> tuple[TrainOptions, object]:
    """The options without, and as, the method's parameters: typed ones are text."""
    return replace(options, parameters={}), make_parameters(
        load_method(options.method, options.task or "classify"), options.parameters, 10
    )


def one_cell(**options: object) -> Cell:
    (cell,) = grid({"row": {"method": "supervised"}}, {"column": {}}, {}, **options)
    return cell


def test_the_tables_are_the_files_of_the_folder_that_define_one() -> None:
    assert {"digits", "dnll-mnist", "dnll-usps-mnist", "pepl-cub50", "pepl-cub50-trained"} <= set(TABLES)
    assert not {"table", "reproduce", "--init--"} & set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_loads_without_its_data(name: str) -> None:
    table = load_table(name, NOWHERE)
    assert table.title
    assert table.about
    assert table.draws >= 1
    assert table.cells


@pytest.mark.parametrize("name", TABLES)
def test_a_cell_has_a_place_of_its_own_and_a_name_that_cells_can_ask_for(name: str) -> None:
    places = [(cell.row, cell.column) for cell in load_table(name, NOWHERE).cells]
    assert len(set(places)) == len(places)
    assert not any(letter in text for place in places for text in place for letter in "*?[]:|\n")


@pytest.mark.parametrize("name", TABLES)
def test_no_two_cells_are_the_same_run(name: str) -> None:
    commands = [cell.command() for cell in load_table(name, NOWHERE).cells]
    assert len(set(commands)) == len(commands)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("root", [NOWHERE, Path("."), Path("data/m")], ids=str)
def test_the_command_of_a_cell_typed_in_gives_the_options_of_the_cell(name: str, root: Path) -> None:
    for cell in load_table(name, root).cells:
        validate(cell.options)
        *first, last = cell.command().split("; ")
        begun = [] if cell.start is None else [cell.start]
        for command, own in zip(first, begun, strict=True):
            typed = type_in(command, root.absolute(), 2)
            assert settled(typed) == settled(replace(own, seed=2, out="START"))
        weights = "START/model.safetensors" if begun else cell.options.weights
        assert settled(type_in(last, root.absolute(), 2)) == settled(replace(cell.options, seed=2, weights=weights))


@pytest.mark.parametrize("name", TABLES)
def test_a_command_is_the_same_wherever_the_data_lie(name: str) -> None:
    roots = (NOWHERE, Path("."), Path("data"), Path("/"))
    tables = [[cell.command() for cell in load_table(name, root).cells] for root in roots]
    assert all(commands == tables[0] for commands in tables)


def test_an_unknown_parameter_of_a_method_is_refused_when_its_command_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = one_cell(data="mnist", parameters={"warmth": 1}).command().replace("DRAW", "0").split()
    assert main(words[1:]) == 2
    assert "'warmth'" in capsys.readouterr().err


def test_a_command_says_only_what_differs_from_the_defaults() -> None:
    cell = one_cell(data="mnist", num_labels=20, freeze=False, skip_bad=True, parameters={"mu": 2}, root="/data")
    assert cell.command() == (
        "fewlabels train mnist --method supervised --num-labels 20 --skip-bad --no-freeze --method.mu 2 "
        "--root ROOT --seed DRAW"
    )


def test_a_value_with_a_space_is_quoted() -> None:
    assert "--labels 'my labels.csv' " in one_cell(data="mnist", labels="my labels.csv").command()


def test_only_what_lies_below_the_root_is_named_from_there() -> None:
    cell = one_cell(data="/data/birds", labels="/data-2/labels.csv", weights="imagenet", root="/data")
    assert "train ROOT/birds " in cell.command()
    assert "--labels /data-2/labels.csv --weights imagenet --root ROOT" in cell.command()


def test_a_row_wins_over_a_column_and_both_over_what_all_cells_share() -> None:
    rows = {"a": {"method": "dnll", "parameters": {"m": 2}}, "b": {"method": "dnll", "steps": 7}}
    columns = {"x": {"steps": 5, "parameters": {"m": 3, "mu": 4}}, "y": {}}
    cells = grid(rows, columns, {}, data="mnist", steps=1, parameters={"weight": 1.0})
    found = {cell.row + cell.column: (cell.options.steps, cell.options.parameters) for cell in cells}
    assert found == {
        "ax": (5, {"weight": 1.0, "m": 2, "mu": 4}),
        "ay": (1, {"weight": 1.0, "m": 2}),
        "bx": (7, {"weight": 1.0, "m": 3, "mu": 4}),
        "by": (7, {"weight": 1.0}),
    }


@pytest.mark.parametrize(
    ("name", "row", "column", "printed"),
    [
        ("pepl-cub50", "PEPL, 300 steps", "20% labels", 64.60),
        ("pepl-cub50", "supervised", "10% labels", 28.61),
        ("pepl-cub50", "linear probe", "10% labels", None),
        ("pepl-cub50-trained", "PEPL", "20% labels", 64.60),
        ("dnll-mnist", "DNLL, m = 1", "100 labels", 99.54),
        ("dnll-mnist", "supervised", "100 labels", None),
    ],
)
def test_the_papers_figure_stands_in_its_cell(name: str, row: str, column: str, printed: float | None) -> None:
    (paper,) = [cell.paper for cell in load_table(name, NOWHERE).cells if (cell.row, cell.column) == (row, column)]
    assert paper == printed


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(UserError, match="there is no table 'pepl-cub5'; did you mean 'pepl-cub50'"):
        load_table("pepl-cub5", NOWHERE)


def test_a_module_of_this_folder_that_is_no_table_is_not_loaded() -> None:
    with pytest.raises(UserError, match="no table 'reproduce'"):
        load_table("reproduce", NOWHERE)


def test_a_table_has_three_draws_unless_it_says_otherwise() -> None:
    assert PaperTable("title", "about", ()).draws == 3
    assert load_table("pepl-cub50-trained", NOWHERE).draws == 1
