"""Only finished runs get into the book."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

sys.path.append(str(Path(__file__).parents[1] / "book"))
import collect_runs


def write_run(results, **metadata):
    """Write what papermill leaves of a run with one cell, and the run's record."""
    cells = [
        nbformat.v4.new_markdown_cell("# One point\n\nA note."),
        nbformat.v4.new_code_cell("1", execution_count=1),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=cells, metadata={"papermill": {"exception": None} | metadata}
    )
    path = results / "pantomime-20" / "scaling" / "RS-50" / "seed-0.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    path.with_suffix(".json").write_text("{}")
    return path


def test_a_finished_run_is_copied_under_a_title_that_names_it(tmp_path):
    write_run(tmp_path / "results")
    [copy] = collect_runs.collect(tmp_path / "results", tmp_path)
    first, *_ = json.loads(copy.read_text())["cells"]
    assert first["source"] == "# RS-50 on pantomime-20, seed 0\n\nA note."
    assert copy.name in (tmp_path / "runs" / "index.md").read_text()


def test_runs_are_grouped_by_study(tmp_path):
    path = write_run(tmp_path / "results")
    other = tmp_path / "results" / "pantomime-30" / "fine-tuning" / "RS-50"
    other.mkdir(parents=True)
    for file in path.parent.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    copies = collect_runs.collect(tmp_path / "results", tmp_path)
    assert [copy.parent.name for copy in copies] == ["fine-tuning", "scaling"]
    title = "RS-50, fine tuning on pantomime-30, seed 0"
    index = (tmp_path / "runs" / "index.md").read_text()
    assert f"- [{title}](fine-tuning/{copies[0].name})" in index
    assert index.index("## Fine tuning") < index.index("## Scaling")


def test_a_failed_run_stops_the_build(tmp_path):
    write_run(tmp_path / "results", exception=True)
    with pytest.raises(
        collect_runs.UnfinishedRun, match=r"seed-0\.ipynb: the run failed"
    ):
        collect_runs.collect(tmp_path / "results", tmp_path)


def test_a_stopped_run_stops_the_build(tmp_path):
    path = write_run(tmp_path / "results")
    path.write_text(
        path.read_text().replace('"execution_count": 1', '"execution_count": null')
    )
    with pytest.raises(
        collect_runs.UnfinishedRun, match="cell 1 has not been executed"
    ):
        collect_runs.collect(tmp_path / "results", tmp_path)


def test_a_run_without_a_record_stops_the_build(tmp_path):
    write_run(tmp_path / "results").with_suffix(".json").unlink()
    with pytest.raises(collect_runs.UnfinishedRun, match="no record beside it"):
        collect_runs.collect(tmp_path / "results", tmp_path)


def test_a_book_without_runs_says_so(tmp_path):
    assert collect_runs.collect(tmp_path / "results", tmp_path) == []
    assert "No point has been run yet" in (tmp_path / "runs" / "index.md").read_text()
