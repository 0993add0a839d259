"""A table is made cell by cell, in as many sittings as it takes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml
from tests.tiny import STEPS, stop_after, tiny_options, write_tiny

from fewlabels.cli.main import main
from fewlabels.errors import Interrupted, UserError
from fewlabels.options import TrainOptions
from fewlabels.recipes.reproduce import Record, as_markdown, read_records, reproduce
from fewlabels.recipes.table import Cell, PaperTable


@dataclass
class Study:
    """A table of two rows and two columns on a few digits, and the folders it is made in."""

    table: PaperTable
    folder: Path
    began: list[TrainOptions] = field(default_factory=list)

    @property
    def records(self) -> Path:
        return self.folder / "out" / "tiny.jsonl"

    @property
    def text(self) -> str:
        return (self.folder / "out" / "tiny.md").read_text(encoding="utf-8")

    def go_on(self, *cells: str, draws: int | None = None, minutes: float | None = None) -> list[str]:
        """One sitting; returns what was said."""
        said: list[str] = []
        out, runs = self.folder / "out", self.folder / "runs"
        reproduce("tiny", self.folder, out, runs, cells, draws, minutes, said.append)
        return said

    def change(self, **options: object) -> None:
        """Another recipe for the first cell."""
        first, *others = self.table.cells
        changed = first._replace(options=replace(first.options, **options))  # pyright: ignore[reportArgumentType]
        self.table = self.table._replace(cells=(changed, *others))


def options(root: Path, method: str, num_labels: int) -> TrainOptions:
    return replace(tiny_options(root, method, root), out=None, num_labels=num_labels)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    cells = [
        Cell(row, f"{count} labels", options(write_tiny(tmp_path), method, count), paper)
        for row, method, paper in (("labels alone", "supervised", 28.61), ("Pseudo-Label", "pseudo-label", None))
        for count in (6, 9)
    ]
    made = Study(PaperTable("PaperTable 0", "Nobody's.", tuple(cells), draws=2), tmp_path)
    monkeypatch.setattr("fewlabels.recipes.reproduce.load_table", lambda name, root: made.table)
    return made


@pytest.fixture
def pretended(study: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Runs leave a folder without any training: 90 % right for draw 0, 92 % for draw 1, 97 % for draw 2."""

    def train(options: TrainOptions, resume: bool, say: Callable[[str], None]) -> Path:
        study.began.append(options)
        out = Path(str(options.out))
        out.mkdir(parents=True, exist_ok=True)
        figures = {"test": {"accuracy": (0.9, 0.92, 0.97)[options.seed]}, "train": {"steps": 4, "seconds": 1.0}}
        (out / "metrics.json").write_text(json.dumps(figures))
        record = {"fewlabels": "1.0", "torch": "2.0", "hardware": "an abacus", "threads": 1}
        config = {
            "backbone": "small_cnn",
            "image_size": 16,
            "precision": "fp32",
            "layout": "channels_last",
            "record": record,
        }
        (out / "config.yaml").write_text(yaml.safe_dump(config))
        return out

    monkeypatch.setattr("fewlabels.run.train.train", train)
    return study


def places(study: Study) -> list[tuple[str, str, int]]:
    return [(r["row"], r["column"], r["draw"]) for r in read_records(study.records)]


def test_a_cell_is_trained_and_its_figure_is_that_of_the_run(study: Study) -> None:
    said = study.go_on("labels alone:6*", draws=1)
    assert said[0] == "labels alone, 6 labels, draw 1"
    (record,) = read_records(study.records)
    (run,) = (study.folder / "runs" / "tiny").iterdir()
    metrics = json.loads((run / "metrics.json").read_text())
    assert record["accuracy"] == pytest.approx(metrics["test"]["accuracy"], abs=1e-6)
    assert (record["steps"], record["backbone"], record["threads"]) == (STEPS, "small_cnn", 1)
    assert f"| labels alone | {100 * metrics['test']['accuracy']:.1f}, one draw (28.61) | – (28.61) |" in study.text


def test_an_interrupted_run_is_resumed_to_the_figure_of_one_that_was_not(study: Study) -> None:
    with stop_after(3), pytest.raises(Interrupted):
        study.go_on("labels alone:6 labels", draws=1)
    assert not study.records.exists()
    assert any("resuming at step 3" in line for line in study.go_on("labels alone:6 labels", draws=1))
    (resumed,) = read_records(study.records)
    study.records.unlink()
    study.folder /= "again"
    study.go_on("labels alone:6 labels", draws=1)
    (whole,) = read_records(study.records)
    assert resumed["accuracy"] == whole["accuracy"]


def test_a_run_of_an_earlier_recipe_is_not_taken_for_todays(study: Study) -> None:
    study.go_on("labels alone:6 labels", draws=1)
    study.change(steps=STEPS + 2)
    study.go_on("labels alone:6 labels", draws=1)
    assert [record["steps"] for record in read_records(study.records)] == [STEPS, STEPS + 2]
    assert "+-" not in study.text.split("Accuracy of the test images")[0]
    assert ", one draw (28.61)" in study.text


def test_an_option_that_the_recipe_no_longer_sets_is_another_run(pretended: Study) -> None:
    pretended.change(lr=0.1)
    pretended.go_on("labels alone:6 labels", draws=1)
    pretended.change(lr=None)
    pretended.go_on("labels alone:6 labels", draws=1)
    assert [o.lr for o in pretended.began] == [0.1, None]
    assert len({o.out for o in pretended.began}) == 2


def test_a_cell_begins_from_the_model_of_the_run_before_it_of_the_same_draw(pretended: Study) -> None:
    cell = pretended.table.cells[0]
    start = replace(cell.options, lr=0.01)
    cells = [
        cell._replace(row=f"{steps} steps", options=replace(cell.options, steps=steps), start=start) for steps in (7, 8)
    ]
    pretended.table = pretended.table._replace(cells=tuple(cells))
    pretended.go_on()
    first, second = ([o for o in pretended.began if o.seed == draw] for draw in (0, 1))
    for head, seven, again, eight in (first, second):
        assert (head.lr, head.weights, seven.lr, seven.steps, eight.steps) == (0.01, cell.options.weights, None, 7, 8)
        assert (seven.weights, eight.weights) == (f"{head.out}/model.safetensors", f"{again.out}/model.safetensors")
    assert first[0].out != second[0].out
    assert cells[0].command().endswith("--weights START/model.safetensors")


def test_a_run_that_finished_but_was_not_written_down_is_not_trained_again(study: Study) -> None:
    study.go_on("labels alone:6 labels", draws=1)
    before = read_records(study.records)
    study.records.unlink()
    assert any("nothing to resume" in line for line in study.go_on("labels alone:6 labels", draws=1))
    assert read_records(study.records) == before


def test_every_cell_gets_its_first_draw_before_any_gets_a_second(pretended: Study) -> None:
    pretended.go_on()
    assert [draw for _, _, draw in places(pretended)] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(set(places(pretended))) == 8


def test_a_draw_is_the_seed_of_the_run_and_of_its_labels(pretended: Study) -> None:
    pretended.go_on("Pseudo-Label:9 labels")
    assert [(o.seed, o.label_seed, o.num_labels, o.method) for o in pretended.began] == [
        (0, 0, 9, "pseudo-label"),
        (1, 1, 9, "pseudo-label"),
    ]
    assert len({o.out for o in pretended.began}) == 2


def test_a_finished_cell_is_skipped_and_its_record_stays(pretended: Study) -> None:
    pretended.go_on("labels alone")
    before = pretended.records.read_text()
    assert pretended.go_on("labels alone") == []
    assert pretended.records.read_text() == before
    pretended.go_on()
    assert pretended.records.read_text().startswith(before)
    assert len(pretended.began) == 8


def test_a_record_of_another_command_does_not_count(pretended: Study) -> None:
    pretended.go_on()
    pretended.change(lr=0.1)
    assert pretended.go_on(minutes=0) == ["time is up; the same command goes on with what is missing"]
    assert "| labels alone | – (28.61) | 91.0 +- 1.4 (28.61) |" in pretended.text
    assert len(pretended.go_on()) == 2
    assert len(places(pretended)) == 10
    assert "| labels alone | 91.0 +- 1.4 (28.61) | 91.0 +- 1.4 (28.61) |" in pretended.text


def test_a_line_that_a_kill_cut_short_is_passed_over_and_spoils_no_other(pretended: Study) -> None:
    pretended.go_on("labels alone", draws=1)
    pretended.records.write_bytes(pretended.records.read_bytes()[:-20])
    assert places(pretended) == [("labels alone", "6 labels", 0)]
    assert pretended.go_on("labels alone", draws=1) == ["labels alone, 9 labels, draw 1"]
    assert places(pretended) == [("labels alone", "6 labels", 0), ("labels alone", "9 labels", 0)]
    assert "| labels alone | 90.0, one draw (28.61) | 90.0, one draw (28.61) |" in pretended.text


def test_with_no_minutes_nothing_is_begun_and_the_table_is_written(pretended: Study) -> None:
    assert pretended.go_on(minutes=0) == ["time is up; the same command goes on with what is missing"]
    assert pretended.began == []
    assert "| Pseudo-Label | – | – |" in pretended.text


def test_a_run_begun_in_time_is_finished_and_no_further_one_is_begun(
    pretended: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 59.0, 61.0])
    monkeypatch.setattr("fewlabels.recipes.reproduce.time.monotonic", lambda: next(clock))
    said = pretended.go_on(minutes=1)
    assert said == ["labels alone, 6 labels, draw 1", "time is up; the same command goes on with what is missing"]
    assert len(places(pretended)) == 1


@pytest.mark.parametrize(
    ("patterns", "count"),
    [(["labels alone"], 2), (["*:9 labels"], 2), (["Pseudo*:6*"], 1), (["*label*"], 2), (["*"], 4), (["*", "*:9*"], 4)],
)
def test_cells_are_chosen_by_row_and_column_with_a_star_for_any_text(
    pretended: Study, patterns: list[str], count: int
) -> None:
    pretended.go_on(*patterns, draws=1)
    assert len(places(pretended)) == count


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("labels alon", "did you mean 'labels alone'"),
        ("labels alone:8 labels", "did you mean 'labels alone:[69] labels'"),
        ("Pseudo*:7*", "valid are: Pseudo-Label:6 labels, "),
    ],
)
def test_an_unknown_cell_names_the_nearest_before_anything_is_begun(pretended: Study, pattern: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint) as error:
        pretended.go_on("labels alone", pattern)
    assert f"no cell '{pattern}'" in str(error.value)
    assert pretended.began == []
    assert not pretended.records.parent.exists()


@pytest.mark.parametrize("draws", [0, -1])
def test_less_than_one_draw_is_refused(pretended: Study, draws: int) -> None:
    with pytest.raises(UserError, match=f"--draws {draws} is out of range"):
        pretended.go_on(draws=draws)


def record(cell: Cell, draw: int, accuracy: float, **changes: object) -> Record:
    return {
        "row": cell.row, "column": cell.column, "draw": draw, "accuracy": accuracy, "seconds": 10.0 + draw,
        "command": cell.command(), "commit": "abc", "fewlabels": "1", "torch": "2", "hardware": "abacus", "threads": 1,
        **changes,
    }  # fmt: skip


def test_a_figure_is_mean_and_deviation_of_a_sample(study: Study) -> None:
    cell = study.table.cells[0]
    text = as_markdown(study.table, [record(cell, n, value) for n, value in enumerate((0.9, 0.92, 0.97))])
    assert "| labels alone | 93.0 +- 3.6 (28.61) | – (28.61) |" in text  # the root of (9 + 1 + 16) / 2
    assert f"| labels alone, 6 labels | `{cell.command()}` | 11 |" in text


def test_a_draw_that_is_written_down_twice_counts_once(study: Study) -> None:
    cell = study.table.cells[2]
    assert "| Pseudo-Label | 92.0, one draw | – |" in as_markdown(
        study.table, [record(cell, 0, 0.9), record(cell, 0, 0.92)]
    )


def test_the_table_says_by_what_its_figures_were_made(study: Study) -> None:
    first, second, *_ = study.table.cells
    lines = as_markdown(study.table, [record(first, 0, 0.9), record(second, 0, 0.9, commit="def")]).splitlines()
    assert "commit: abc, def  " in lines
    assert "hardware: abacus  " in lines


def test_a_cell_that_the_table_lacks_is_left_empty(study: Study) -> None:
    table = study.table._replace(cells=study.table.cells[:3])
    assert "| Pseudo-Label | – |  |" in as_markdown(table, [])


def test_the_command_prints_the_table_it_writes(
    pretended: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fewlabels.recipes.table.load_table", lambda name, root: pretended.table)
    folders = ["--out", str(pretended.records.parent), "--runs", str(pretended.folder / "runs")]
    assert main(["reproduce", "tiny", "--cells", "*:9 labels", "--draws", "1", *folders]) == 0
    assert capsys.readouterr().out.endswith("draw 1\n" + pretended.text)
    assert [o.num_labels for o in pretended.began] == [9, 9]


def test_without_a_table_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce"]) == 0
    assert "pepl-cub50\tPEPL, PaperTable I" in capsys.readouterr().out


def test_an_unknown_table_is_one_line_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "pepl-cub5"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "fewlabels: there is no table 'pepl-cub5'; did you mean 'pepl-cub50'?\n"
    assert list(tmp_path.iterdir()) == []
