"""A table is reproduced cell by cell, in any number of sessions."""

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
from fewlabels.recipes.markdown import as_markdown
from fewlabels.recipes.records import Record, read_records
from fewlabels.recipes.reproduce import reproduce
from fewlabels.recipes.table import Cell, PaperTable

TIME_LIMIT = "time limit reached: repeat the command to run the missing cells"


@dataclass
class Study:
    """A table of two rows and two columns on a few digits, and its directories."""

    table: PaperTable
    folder: Path
    started: list[TrainOptions] = field(default_factory=list)

    @property
    def records(self) -> Path:
        return self.folder / "out" / "tiny.jsonl"

    @property
    def text(self) -> str:
        return (self.folder / "out" / "tiny.md").read_text(encoding="utf-8")

    def resume(self, *cells: str, draws: int | None = None, minutes: float | None = None) -> list[str]:
        """Run one session; return its messages."""
        messages: list[str] = []
        out, runs = self.folder / "out", self.folder / "runs"
        reproduce("tiny", self.folder, out, runs, cells, draws, minutes, messages.append)
        return messages

    def change(self, **options: object) -> None:
        """Change the recipe of the first cell."""
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
    made = Study(PaperTable("Table 0", "Of no paper.", tuple(cells), draws=2), tmp_path)
    monkeypatch.setattr("fewlabels.recipes.reproduce.load_table", lambda name, root: made.table)
    return made


@pytest.fixture
def fake_runs(study: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Replace training: run folders have an accuracy of 90 % for draw 0, 92 % for draw 1 and 97 % for draw 2."""

    def train(options: TrainOptions, resume: bool, say: Callable[[str], None]) -> Path:
        study.started.append(options)
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


def positions(study: Study) -> list[tuple[str, str, int]]:
    return [(r["row"], r["column"], r["draw"]) for r in read_records(study.records)]


def test_the_figure_of_a_cell_is_that_of_its_run(study: Study) -> None:
    messages = study.resume("labels alone:6*", draws=1)
    assert messages[0] == "labels alone, 6 labels, draw 1"
    (record,) = read_records(study.records)
    (run,) = (study.folder / "runs" / "tiny").iterdir()
    metrics = json.loads((run / "metrics.json").read_text())
    assert record["accuracy"] == pytest.approx(metrics["test"]["accuracy"], abs=1e-6)
    assert (record["steps"], record["backbone"], record["threads"]) == (STEPS, "small_cnn", 1)
    assert f"| labels alone | {100 * metrics['test']['accuracy']:.1f}, one draw (28.61) | – (28.61) |" in study.text


def test_a_resumed_run_has_the_figure_of_an_uninterrupted_one(study: Study) -> None:
    with stop_after(3), pytest.raises(Interrupted):
        study.resume("labels alone:6 labels", draws=1)
    assert not study.records.exists()
    assert any("resuming at step 3" in line for line in study.resume("labels alone:6 labels", draws=1))
    (resumed,) = read_records(study.records)
    study.records.unlink()
    study.folder /= "again"
    study.resume("labels alone:6 labels", draws=1)
    (whole,) = read_records(study.records)
    assert resumed["accuracy"] == whole["accuracy"]


def test_a_run_of_an_earlier_recipe_is_not_reused(study: Study) -> None:
    study.resume("labels alone:6 labels", draws=1)
    study.change(steps=STEPS + 2)
    study.resume("labels alone:6 labels", draws=1)
    assert [record["steps"] for record in read_records(study.records)] == [STEPS, STEPS + 2]
    assert "+-" not in study.text.split("Accuracy on the test images")[0]
    assert ", one draw (28.61)" in study.text


def test_removing_an_option_from_the_recipe_starts_another_run(fake_runs: Study) -> None:
    fake_runs.change(lr=0.1)
    fake_runs.resume("labels alone:6 labels", draws=1)
    fake_runs.change(lr=None)
    fake_runs.resume("labels alone:6 labels", draws=1)
    assert [o.lr for o in fake_runs.started] == [0.1, None]
    assert len({o.out for o in fake_runs.started}) == 2


def test_a_cell_starts_from_the_model_of_its_first_run_of_the_same_draw(fake_runs: Study) -> None:
    cell = fake_runs.table.cells[0]
    start = replace(cell.options, lr=0.01)
    cells = [
        cell._replace(row=f"{steps} steps", options=replace(cell.options, steps=steps), start=start) for steps in (7, 8)
    ]
    fake_runs.table = fake_runs.table._replace(cells=tuple(cells))
    fake_runs.resume()
    first, second = ([o for o in fake_runs.started if o.seed == draw] for draw in (0, 1))
    for head, seven, again, eight in (first, second):
        assert (head.lr, head.weights, seven.lr, seven.steps, eight.steps) == (0.01, cell.options.weights, None, 7, 8)
        assert (seven.weights, eight.weights) == (f"{head.out}/model.safetensors", f"{again.out}/model.safetensors")
    assert first[0].out != second[0].out
    assert cells[0].command().endswith("--weights START/model.safetensors")


def test_a_finished_run_without_a_record_is_not_repeated(study: Study) -> None:
    study.resume("labels alone:6 labels", draws=1)
    before = read_records(study.records)
    study.records.unlink()
    assert any("nothing to resume" in line for line in study.resume("labels alone:6 labels", draws=1))
    assert read_records(study.records) == before


def test_all_cells_have_their_first_draw_before_any_has_a_second(fake_runs: Study) -> None:
    fake_runs.resume()
    assert [draw for _, _, draw in positions(fake_runs)] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(set(positions(fake_runs))) == 8


def test_a_draw_is_the_seed_of_the_run_and_of_its_labels(fake_runs: Study) -> None:
    fake_runs.resume("Pseudo-Label:9 labels")
    assert [(o.seed, o.label_seed, o.num_labels, o.method) for o in fake_runs.started] == [
        (0, 0, 9, "pseudo-label"),
        (1, 1, 9, "pseudo-label"),
    ]
    assert len({o.out for o in fake_runs.started}) == 2


def test_a_finished_cell_is_skipped_and_its_record_is_kept(fake_runs: Study) -> None:
    fake_runs.resume("labels alone")
    before = fake_runs.records.read_text()
    assert fake_runs.resume("labels alone") == []
    assert fake_runs.records.read_text() == before
    fake_runs.resume()
    assert fake_runs.records.read_text().startswith(before)
    assert len(fake_runs.started) == 8


def test_a_record_of_another_command_is_ignored(fake_runs: Study) -> None:
    fake_runs.resume()
    fake_runs.change(lr=0.1)
    assert fake_runs.resume(minutes=0) == [TIME_LIMIT]
    assert "| labels alone | – (28.61) | 91.0 +- 1.4 (28.61) |" in fake_runs.text
    assert len(fake_runs.resume()) == 2
    assert len(positions(fake_runs)) == 10
    assert "| labels alone | 91.0 +- 1.4 (28.61) | 91.0 +- 1.4 (28.61) |" in fake_runs.text


def test_an_incomplete_line_is_skipped_and_does_not_damage_the_next(fake_runs: Study) -> None:
    fake_runs.resume("labels alone", draws=1)
    fake_runs.records.write_bytes(fake_runs.records.read_bytes()[:-20])
    assert positions(fake_runs) == [("labels alone", "6 labels", 0)]
    assert fake_runs.resume("labels alone", draws=1) == ["labels alone, 9 labels, draw 1"]
    assert positions(fake_runs) == [("labels alone", "6 labels", 0), ("labels alone", "9 labels", 0)]
    assert "| labels alone | 90.0, one draw (28.61) | 90.0, one draw (28.61) |" in fake_runs.text


def test_with_zero_minutes_only_the_table_is_written(fake_runs: Study) -> None:
    assert fake_runs.resume(minutes=0) == [TIME_LIMIT]
    assert fake_runs.started == []
    assert "| Pseudo-Label | – | – |" in fake_runs.text


def test_a_run_started_in_time_is_finished_and_no_other_is_started(
    fake_runs: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 59.0, 61.0])
    monkeypatch.setattr("fewlabels.recipes.reproduce.time.monotonic", lambda: next(clock))
    messages = fake_runs.resume(minutes=1)
    assert messages == [
        "labels alone, 6 labels, draw 1",
        "time limit reached: repeat the command to run the missing cells",
    ]
    assert len(positions(fake_runs)) == 1


@pytest.mark.parametrize(
    ("patterns", "count"),
    [(["labels alone"], 2), (["*:9 labels"], 2), (["Pseudo*:6*"], 1), (["*label*"], 2), (["*"], 4), (["*", "*:9*"], 4)],
)
def test_cells_are_selected_by_row_and_column_patterns(fake_runs: Study, patterns: list[str], count: int) -> None:
    fake_runs.resume(*patterns, draws=1)
    assert len(positions(fake_runs)) == count


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("labels alon", "did you mean 'labels alone'"),
        ("labels alone:8 labels", "did you mean 'labels alone:[69] labels'"),
        ("Pseudo*:7*", "valid are: Pseudo-Label:6 labels, "),
    ],
)
def test_an_unknown_cell_is_refused_with_the_nearest_name_before_any_run(
    fake_runs: Study, pattern: str, hint: str
) -> None:
    with pytest.raises(UserError, match=hint) as error:
        fake_runs.resume("labels alone", pattern)
    assert f"no cell '{pattern}'" in str(error.value)
    assert fake_runs.started == []
    assert not fake_runs.records.parent.exists()


@pytest.mark.parametrize("draws", [0, -1])
def test_less_than_one_draw_is_refused(fake_runs: Study, draws: int) -> None:
    with pytest.raises(UserError, match=f"--draws {draws} is out of range"):
        fake_runs.resume(draws=draws)


def record(cell: Cell, draw: int, accuracy: float, **changes: object) -> Record:
    return {
        "row": cell.row, "column": cell.column, "draw": draw, "accuracy": accuracy, "seconds": 10.0 + draw,
        "command": cell.command(), "commit": "abc", "fewlabels": "1", "torch": "2", "hardware": "abacus", "threads": 1,
        **changes,
    }  # fmt: skip


def test_a_figure_is_the_mean_and_the_sample_standard_deviation(study: Study) -> None:
    cell = study.table.cells[0]
    text = as_markdown(study.table, [record(cell, n, value) for n, value in enumerate((0.9, 0.92, 0.97))])
    assert "| labels alone | 93.0 +- 3.6 (28.61) | – (28.61) |" in text  # sqrt((9 + 1 + 16) / 2)
    assert f"| labels alone, 6 labels | `{cell.command()}` | 11 |" in text


def test_of_two_records_of_a_draw_the_last_one_counts(study: Study) -> None:
    cell = study.table.cells[2]
    assert "| Pseudo-Label | 92.0, one draw | – |" in as_markdown(
        study.table, [record(cell, 0, 0.9), record(cell, 0, 0.92)]
    )


def test_the_table_lists_commits_and_hardware(study: Study) -> None:
    first, second, *_ = study.table.cells
    lines = as_markdown(study.table, [record(first, 0, 0.9), record(second, 0, 0.9, commit="def")]).splitlines()
    assert "commit: abc, def  " in lines
    assert "hardware: abacus  " in lines


def test_a_missing_cell_is_empty(study: Study) -> None:
    table = study.table._replace(cells=study.table.cells[:3])
    assert "| Pseudo-Label | – |  |" in as_markdown(table, [])


def test_the_command_prints_the_table_that_it_writes(
    fake_runs: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fewlabels.recipes.table.load_table", lambda name, root: fake_runs.table)
    folders = ["--out", str(fake_runs.records.parent), "--runs", str(fake_runs.folder / "runs")]
    assert main(["reproduce", "tiny", "--cells", "*:9 labels", "--draws", "1", *folders]) == 0
    assert capsys.readouterr().out.endswith("draw 1\n" + fake_runs.text)
    assert [o.num_labels for o in fake_runs.started] == [9, 9]


def test_without_a_table_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce"]) == 0
    assert "pepl-cub50\tPEPL, Table I" in capsys.readouterr().out


def test_an_unknown_table_is_refused_in_one_line_without_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "pepl-cub5"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "fewlabels: there is no table 'pepl-cub5'; did you mean 'pepl-cub50'?\n"
    assert list(tmp_path.iterdir()) == []
