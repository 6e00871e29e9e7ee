"""Only finished runs get into the book."""

import json

import collect_runs
import nbformat
import pytest

from r3d_rs.experiments import published, record
from tests.shared.made_up import made_up, write

RECORD = made_up(top1=0.5) | {
    "wall_seconds": {"total": 90.0, "training": 60.0, "evaluation": 20.0},
    "commit": "0123456789abcdef",
    "recipe_hash": "f" * 64,
    "device": "a processor",
    "started": "2026-11-24T12:00:00+00:00",
}


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
    record.write(RECORD, results)
    return path


def test_a_finished_run_is_copied_under_a_title_that_names_it(tmp_path):
    write_run(tmp_path / "results")
    [copy] = collect_runs.collect(tmp_path / "results", tmp_path)
    first, about, _ = json.loads(copy.read_text())["cells"]
    assert first["source"] == "# RS-50 on pantomime-20, seed 0"
    assert "**Top-1 50.0 %**, in 1.5 minutes on a processor" in about["source"]
    assert "A network of Figure 2, trained from scratch: RS\\-50 on" in about["source"]
    assert "r3d-rs run scaling/RS-50 --dataset pantomime-20 --seed 0" in about["source"]
    assert "results/pantomime-20/scaling/RS-50/seed-0.json" in about["source"]
    assert copy.name in (tmp_path / "runs" / "index.md").read_text()
    # With this run's parameters, as papermill wrote them.
    assert (
        "/blob/main/results/pantomime-20/scaling/RS-50/seed-0.ipynb"
        in (about["source"])
    )


def test_the_list_of_runs_says_what_each_took_and_gave(tmp_path):
    write_run(tmp_path / "results")
    collect_runs.collect(tmp_path / "results", tmp_path)
    *_, row, _ = (tmp_path / "runs" / "index.md").read_text().splitlines()
    assert row.endswith(
        "| scaling | pantomime-20 | 0 | 50.0 | 1.5 | a processor | 2026-11-24 |"
    )
    assert '<span id="pantomime-20-scaling-rs-50"></span>' in row


def test_the_command_of_a_fine_tuning_has_its_pre_training_first():
    record = RECORD | {
        "experiment": RECORD["experiment"] | {"study": "fine-tuning", "seed": 2},
        "parent": {"name": "pantomime-web/pre-training/RS-50/seed-2"},
    }
    parameters = {"dataset": "pantomime-20", "parent": "a folder", "threads": 1}
    first, second = collect_runs.commands(record, {"parameters": parameters})
    assert first.endswith(
        "pre-training/RS-50 --dataset pantomime-web --seed 2 -p threads=1"
    )
    assert second.endswith(
        "fine-tuning/RS-50 --dataset pantomime-20 --seed 2 -p threads=1"
    )


def test_the_command_of_own_videos_names_their_dataset():
    place = {"study": "finetune", "point": "from-pantomime-web-RS-50"}
    record = RECORD | {"experiment": RECORD["experiment"] | place | {"dataset": "mine"}}
    parameters = {"dataset": "mine", "network": "pantomime-web/RS-50"}
    assert collect_runs.commands(record, {"parameters": parameters}) == [
        "r3d-rs run finetune/mine --seed 0 -p network=pantomime-web/RS-50"
    ]


def test_the_command_of_a_quick_look_does_not_replace_a_whole_run():
    quick = {"results": "runs/quick", "checkpoints": "build/checkpoints/quick"}
    for received, expected in (
        (
            quick | {"epochs": 1},
            "-p epochs=1 --results runs/quick --checkpoints b",
        ),
        ({"results": "runs", "checkpoints": "elsewhere"}, "--seed 0"),
    ):
        [command] = collect_runs.commands(RECORD, {"parameters": received})
        assert expected in command and ("quick" in command) == ("epochs" in received)


def test_runs_are_listed_by_study(tmp_path):
    path = write_run(tmp_path / "results")
    place = {"dataset": "pantomime-30", "study": "fine-tuning"}
    run = RECORD | {"experiment": RECORD["experiment"] | place}
    other = record.write(run, tmp_path / "results")
    other.with_suffix(".ipynb").write_bytes(path.read_bytes())
    copies = collect_runs.collect(tmp_path / "results", tmp_path)
    assert [copy.parent.name for copy in copies] == ["fine-tuning", "scaling"]
    index = (tmp_path / "runs" / "index.md").read_text()
    assert f"](fine-tuning/{copies[0].name})" in index
    assert index.index("(fine-tuning/") < index.index("(scaling/")


def test_a_seed_without_a_notebook_has_its_record_in_the_list(tmp_path):
    write_run(tmp_path / "results")
    other = RECORD | {"experiment": RECORD["experiment"] | {"seed": 1}}
    record.write(other, tmp_path / "results")
    assert len(collect_runs.collect(tmp_path / "results", tmp_path)) == 1
    index = (tmp_path / "runs" / "index.md").read_text()
    target = "../results/pantomime-20/scaling/RS-50/seed-1.json"
    assert f"{{download}}`RS-50 <{target}>`" in index
    assert index.count('<span id="') == 1


def test_a_record_in_another_runs_place_stops_the_build(tmp_path):
    path = write_run(tmp_path / "results").with_suffix(".json")
    path.rename(path.with_name("seed-1.json"))
    path.with_suffix(".ipynb").unlink()
    with pytest.raises(ValueError, match=r"seed-1\.json: its experiment is"):
        collect_runs.collect(tmp_path / "results", tmp_path)


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
    assert "No run is published yet." in (tmp_path / "runs" / "index.md").read_text()
    write(tmp_path / "results" / "first-edition", "RS-50", [0.5])
    assert collect_runs.collect(tmp_path / "results", tmp_path) == []


def own(folder, name="runs"):
    """Write an own run, and return the pages of its section."""
    write_run(folder / name)
    return collect_runs.collect_own(folder / name, folder)


def test_own_runs_have_a_section_with_what_the_comparison_says(tmp_path, monkeypatch):
    write(tmp_path / "results", "RS-50", [0.8, 0.85, 0.9])
    table = published.rows(tmp_path / "results")
    monkeypatch.setattr(published, "read", lambda: table)
    index, page = own(tmp_path)
    assert index == tmp_path / "yours" / "index.md"
    entry = index.read_text().splitlines()[-1]
    assert f"]({page.name}): **50.0 %**; published: 85.0 (72.6 to 97.4, 3 se" in entry
    assert "78\\.2 on kinetics" in entry
    assert "has another recipe than the published runs" in entry
    title, about, *_ = json.loads(page.read_text())["cells"]
    assert title["source"] == "# Yours: RS-50, scaling, on pantomime-20, seed 0"
    assert "has another recipe" in about["source"]
    assert "[chapter](../scaling.md)" in about["source"]
    assert 'href="index.html#pantomime-20-scaling-rs-50"' in about["source"]


def test_an_own_run_of_what_is_not_published_says_so(tmp_path, monkeypatch):
    table = published.rows(tmp_path / "results")
    monkeypatch.setattr(published, "read", lambda: table)
    entry = own(tmp_path)[0].read_text().splitlines()[-1]
    assert "**50.0 %**; published: not run" in entry
    assert "so there is nothing to compare with" in entry


def test_a_quick_look_is_among_the_own_runs(tmp_path):
    write_run(tmp_path / "runs" / "quick")
    pages = collect_runs.collect_own(tmp_path / "runs", tmp_path)
    assert [page.name for page in pages] == [
        "index.md",
        "run-quick-pantomime-20-scaling-RS-50-seed-0.ipynb",
    ]


@pytest.mark.parametrize("damage", ["failed", "no record", "empty", "half a notebook"])
def test_no_own_run_stops_the_book(tmp_path, damage):
    path = write_run(tmp_path / "runs", exception=damage == "failed")
    if damage == "no record":
        path.with_suffix(".json").unlink()
    elif damage == "empty":
        path.with_suffix(".json").write_text("")
    elif damage == "half a notebook":
        path.write_bytes(path.read_bytes()[:100])
    pages = collect_runs.collect_own(tmp_path / "runs", tmp_path)
    if damage == "no record":
        assert pages == []
        return
    [index] = pages
    assert "Not shown:" in index.read_text()


def test_without_own_runs_there_is_no_section(tmp_path):
    own(tmp_path)
    assert collect_runs.collect_own(tmp_path / "nothing", tmp_path) == []
    assert not (tmp_path / "yours").exists()
