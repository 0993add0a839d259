"""The recipes: the commands of their cells, typed on the command line, give the options of the cells."""

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


class Started(Exception):
    """Raised instead of a training run, with its options."""


@pytest.fixture(autouse=True)
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(options: TrainOptions, *_: object, **__: object) -> None:
        raise Started(options)

    monkeypatch.setattr("fewlabels.cli.train.train", start)


def type_in(command: str, root: Path, draw: int) -> TrainOptions:
    """Return the options of a run whose command is typed."""
    program, *words = shlex.split(command.replace("ROOT", shlex.quote(str(root))).replace("DRAW", str(draw)))
    assert program == "fewlabels"
    with pytest.raises(Started) as started:
        main(words)
    return started.value.args[0]


def parsed(options: TrainOptions) -> tuple[TrainOptions, object]:
    """Return the options without parameters, and the parsed parameters; typed parameters are text."""
    return replace(options, parameters={}), make_parameters(
        load_method(options.method, options.task or "classify"), options.parameters, 10
    )


def one_cell(**options: object) -> Cell:
    (cell,) = grid({"row": {"method": "supervised"}}, {"column": {}}, {}, **options)
    return cell


def test_the_tables_are_the_modules_that_define_one() -> None:
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
def test_a_cell_has_a_unique_position_and_a_name_without_special_characters(name: str) -> None:
    places = [(cell.row, cell.column) for cell in load_table(name, NOWHERE).cells]
    assert len(set(places)) == len(places)
    assert not any(letter in text for place in places for text in place for letter in "*?[]:|\n")


@pytest.mark.parametrize("name", TABLES)
def test_no_two_cells_are_the_same_run(name: str) -> None:
    commands = [cell.command() for cell in load_table(name, NOWHERE).cells]
    assert len(set(commands)) == len(commands)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("root", [NOWHERE, Path("."), Path("data/m")], ids=str)
def test_the_typed_command_of_a_cell_gives_the_options_of_the_cell(name: str, root: Path) -> None:
    for cell in load_table(name, root).cells:
        validate(cell.options)
        *first, last = cell.command().split("; ")
        starts = [] if cell.start is None else [cell.start]
        for command, own in zip(first, starts, strict=True):
            typed = type_in(command, root.absolute(), 2)
            assert parsed(typed) == parsed(replace(own, seed=2, out="START"))
        weights = "START/model.safetensors" if starts else cell.options.weights
        assert parsed(type_in(last, root.absolute(), 2)) == parsed(replace(cell.options, seed=2, weights=weights))


@pytest.mark.parametrize("name", TABLES)
def test_a_command_does_not_depend_on_the_root(name: str) -> None:
    roots = (NOWHERE, Path("."), Path("data"), Path("/"))
    tables = [[cell.command() for cell in load_table(name, root).cells] for root in roots]
    assert all(commands == tables[0] for commands in tables)


def test_an_unknown_parameter_of_a_method_is_refused_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # the real training checks the parameters first
    words = one_cell(data="mnist", parameters={"warmth": 1}).command().replace("DRAW", "0").split()
    assert main(words[1:]) == 2
    assert "'warmth'" in capsys.readouterr().err


def test_a_command_has_only_options_that_differ_from_the_defaults() -> None:
    cell = one_cell(data="mnist", num_labels=20, freeze=False, skip_bad=True, parameters={"mu": 2}, root="/data")
    assert cell.command() == (
        "fewlabels train mnist --method supervised --num-labels 20 --skip-bad --no-freeze --method.mu 2 "
        "--root ROOT --seed DRAW"
    )


def test_a_value_with_a_space_is_quoted() -> None:
    assert "--labels 'my labels.csv' " in one_cell(data="mnist", labels="my labels.csv").command()


def test_only_paths_below_the_root_are_relative_to_it() -> None:
    cell = one_cell(data="/data/birds", labels="/data-2/labels.csv", weights="imagenet", root="/data")
    assert "train ROOT/birds " in cell.command()
    assert "--labels /data-2/labels.csv --weights imagenet --root ROOT" in cell.command()


def test_rows_take_precedence_over_columns_and_columns_over_shared_options() -> None:
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
def test_the_papers_figure_is_in_its_cell(name: str, row: str, column: str, printed: float | None) -> None:
    (paper,) = [cell.paper for cell in load_table(name, NOWHERE).cells if (cell.row, cell.column) == (row, column)]
    assert paper == printed


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(UserError, match="there is no table 'pepl-cub5'; did you mean 'pepl-cub50'"):
        load_table("pepl-cub5", NOWHERE)


def test_a_module_that_is_no_table_is_not_loaded() -> None:
    with pytest.raises(UserError, match="no table 'reproduce'"):
        load_table("reproduce", NOWHERE)


def test_a_table_has_three_draws_by_default() -> None:
    assert PaperTable("title", "about", ()).draws == 3
    assert load_table("pepl-cub50-trained", NOWHERE).draws == 1
