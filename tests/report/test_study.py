"""Records, their aggregation, and the tables and figures made from them."""

import copy
import csv
import hashlib
import json
import os

import jsonschema
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from bs4 import BeautifulSoup
from matplotlib.text import Annotation
from scipy import stats

from r3d_rs import paper
from r3d_rs.evaluation.interval import described, wilson_interval
from r3d_rs.experiments import provenance, record
from r3d_rs.files import checksum_of
from r3d_rs.operations import exact
from r3d_rs.recipes import points
from r3d_rs.report import figures, interactive, tables
from tests.shared.made_up import made_up, made_up_scores


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_the_schema_is_valid_and_describes_every_field():
    schema = json.loads(record.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    def fields(part):
        for name, field in part.get("properties", {}).items():
            yield name, field
            yield from fields(field)

    assert len(list(fields(schema))) > 25
    for name, field in fields(schema):
        assert field.get("description"), name


def test_a_record_comes_back_as_it_was_written(tmp_path):
    written = made_up("RS-200@f48", 3)
    path = record.write(written, tmp_path, scores=made_up_scores())
    assert path == tmp_path / "pantomime-20" / "scaling" / "RS-200@f48" / "seed-3.json"
    found = record.read(path)
    assert found == written | {
        "scores_sha256": hashlib.sha256(
            record.scores_path(path).read_bytes()
        ).hexdigest(),
        "sha256": checksum_of(found),
    }
    assert files(tmp_path) == ["seed-3.json", "seed-3.scores.npz"]
    scores = record.load_scores(record.scores_path(path))
    expected = made_up_scores()
    assert scores.ids.tolist() == expected["ids"]
    assert (scores.labels == expected["labels"]).all()
    assert scores.probabilities.dtype == np.float16
    assert (scores.probabilities == expected["probabilities"].astype("float16")).all()


def test_the_same_scores_are_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        record.save_scores(tmp_path / name, **made_up_scores())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("field", list(made_up()))
def test_a_record_without_a_field_is_refused(tmp_path, field):
    broken = made_up()
    del broken[field]
    with pytest.raises(ValueError, match=f"'{field}' is a required property"):
        record.write(broken, tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics.video_top1", 78.2),
        ("metrics.video_top1", float("nan")),
        ("metrics.num_videos", 0),
        ("experiment.point", "../RS-50"),
        ("experiment.seed", -1),
        ("history.loss", [float("inf")]),
        ("history.loss", [10**400]),
        ("gmacs", True),
        ("started", "yesterday"),
        ("recipe_hash", "abc"),
        ("schema", 1),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_file(tmp_path, field, value):
    broken = made_up()
    *parents, last = field.split(".")
    part = broken
    for name in parents:
        part = part[name]
    part[last] = value
    with pytest.raises(ValueError, match=field.replace(".", r"\.")):
        record.write(broken, tmp_path)
    assert files(tmp_path) == []
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken | {"sha256": "0" * 64}))
    with pytest.raises(ValueError, match=rf"broken\.json: {field}"):
        record.read(file)


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path, seed):
    path = record.write(made_up(), tmp_path, made_up_scores())
    whole, scores = record.read(path), record.scores_path(path)
    random = np.random.default_rng(seed)
    for file in (scores, path):
        damaged = bytearray(file.read_bytes())
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"seed-0\.scores\.npz: damaged"):
        record.scores_of(tmp_path, whole)
    try:
        assert record.read(path) == whole  # white space became another white space
    except ValueError as error:
        assert "seed-0.json" in str(error)


def test_half_a_file_is_not_a_record(tmp_path):
    path = record.write(made_up(), tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=r"seed-0\.json: not JSON"):
        record.find(tmp_path)


def test_scores_of_other_videos_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"39 videos, metrics\.num_videos is 40"):
        record.write(made_up(), tmp_path, scores=made_up_scores(39))
    twice = made_up_scores()
    twice["ids"][1] = twice["ids"][0]
    with pytest.raises(ValueError, match="an id is there twice"):
        record.write(made_up(), tmp_path, scores=twice)
    assert files(tmp_path) == []


@pytest.mark.parametrize("interrupted", [".json", ".npz"])
@pytest.mark.parametrize("before", [False, True], ids=["first run", "second run"])
def test_an_interrupted_write_leaves_no_record(
    tmp_path, monkeypatch, interrupted, before
):
    if before:
        record.write(made_up(top1=0.25), tmp_path, scores=made_up_scores())
    replace = os.replace

    def stop(source, target):
        if str(target).endswith(interrupted):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        record.write(made_up(), tmp_path, scores=made_up_scores())
    # Scores may be there; without a record they are no run.
    assert [f for f in files(tmp_path) if not f.endswith(".scores.npz")] == []
    assert record.find(tmp_path) == []


def test_a_record_says_how_many_of_the_cores_a_run_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert provenance.device().endswith(", 8 cores")
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 3)
    for backend, used in (("tensorflow", "3 of 8"), ("jax", "8")):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        assert provenance.device().endswith(f", {used} cores")


def test_records_are_found_by_what_they_are(tmp_path):
    for point, seed in [("RS-50", 10), ("RS-50", 2), ("RS-101", 0)]:
        record.write(made_up(point, seed), tmp_path)
    (tmp_path / "pantomime-20" / "probes.json").write_text("{}")
    found = record.find(tmp_path, "pantomime-20", "scaling", "RS-50")
    assert [run["experiment"]["seed"] for run in found] == [2, 10]
    assert (
        len(record.find(tmp_path)) == len(record.find(tmp_path, study="scaling")) == 3
    )
    assert record.find(tmp_path, dataset="kinetics-400") == []
    assert record.find(tmp_path / "nowhere") == []


def test_a_record_in_another_runs_place_is_refused(tmp_path):
    path = record.write(made_up(), tmp_path)
    path.rename(path.with_name("seed-1.json"))
    with pytest.raises(
        ValueError, match=r"seed-1\.json: its experiment is .*'seed': 0"
    ):
        record.find(tmp_path)


def test_wilson_interval_of_half():
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 1/2, n = 100, z = 1.96
    assert wilson_interval(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    low, high = wilson_interval(0, 10)
    assert low == 0
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2), abs=1e-5)


@pytest.mark.parametrize("correct", [0, 1, 17, 39, 40])
def test_wilson_interval_is_that_of_scipy(correct):
    expected = stats.binomtest(correct, 40).proportion_ci(method="wilson")
    assert wilson_interval(correct, 40) == pytest.approx((*expected,), abs=1e-12)


def test_the_mean_over_three_seeds():
    runs = [made_up(seed=i, top1=x) for i, x in enumerate((0.50, 0.54, 0.58))]
    summary = record.summarize(runs)
    half = 4.302653 * 0.04 / 3**0.5  # t(0.975, 2), standard deviation 0.04
    assert (summary.seeds, summary.interval) == (3, "t over seeds")
    assert summary.mean == pytest.approx(0.54)
    assert (summary.low, summary.high) == pytest.approx((0.54 - half, 0.54 + half))


def test_one_seed_has_wilsons_interval_over_its_videos():
    summary = record.summarize([made_up(top1=0.5)])
    assert (summary.mean, summary.seeds) == (0.5, 1)
    assert summary.interval == "Wilson over videos"
    assert (summary.low, summary.high) == wilson_interval(20, 40)


def test_a_number_reads_the_same_from_a_record_and_from_a_table():
    of_record, of_table = 100 * 0.0595, 5.95  # the first is a little less
    for mean in (of_record, of_table):
        assert described(mean, 4.99, 7.08, 1) == "6.0 (5.0 to 7.1, 1 seed)"


def test_an_interval_ends_at_zero_and_one():
    summary = record.summarize([made_up(seed=0, top1=0.1), made_up(seed=1, top1=0.9)])
    assert (summary.low, summary.high) == (0, 1)


def test_different_recipes_are_not_averaged():
    runs = [made_up(seed=0), made_up(seed=1, epochs=3)]
    with pytest.raises(ValueError, match="epochs is 2 and 3") as error:
        record.summarize(runs)
    assert "model" not in str(error.value)


def test_seeds_of_batches_that_were_divided_otherwise_are_averaged():
    one, other = (made_up(seed=seed, micro_batches=8 // (seed + 1)) for seed in (0, 1))
    other["recipe_hash"] = one["recipe_hash"]  # it leaves the division out
    assert record.summarize([one, other]).seeds == 2


@pytest.fixture(scope="module")
def counts():
    """Counts with a different made-up number for every network."""
    rows = []
    for i, (name, frames, size, classes) in enumerate(exact.networks(), start=1):
        arguments = {
            "name": name,
            "frames": frames,
            "size": size,
            "num_classes": classes,
        }
        sizes = {"params": i * 10**6, "trainable_params": i * 10**6}
        rows.append(arguments | sizes | {"macs": i * 10**9, "elementwise": 10**9})
    return rows


@pytest.fixture
def results(tmp_path, counts):
    path = tmp_path / "exact" / "complexity.csv"
    path.parent.mkdir()
    pd.DataFrame(counts).to_csv(path, index=False)
    return tmp_path


def test_table_3_without_runs_says_so(results):
    table = tables.from_scratch(results)
    for column in ("pantomime_top1", "kinetics_top1"):
        assert table[column].isna().tolist() == [True] * 7 + [False] * 6
        assert set(table[column].dropna()) == {"not run"}
    assert table["exact_gmacs"].isna().tolist() == [True] * 7 + [False] * 6


def test_table_3_with_runs(results):
    write_study(results, "scaling", [0.5, 0.54, 0.58])
    write_study(results, "scaling", [0.5], "RS-101")
    write_study(results, "scaling", [0.6], "RS-200@f48")
    table = tables.from_scratch(results).set_index("model")
    rs50 = table.loc["R3D-RS-50"]
    assert rs50["paper_top1"] == 78.2
    assert (rs50["exact_params_m"], rs50["exact_gmacs"]) == (2, 2)  # second in counts
    assert rs50["exact_profiler_gflops"] == 2.5
    assert (rs50["pantomime_top1"], rs50["pantomime_seeds"]) == (54.0, "3")
    assert (rs50["pantomime_low"], rs50["pantomime_high"]) == (44.06, 63.94)
    assert rs50["pantomime_interval"] == "t over seeds"
    assert rs50["kinetics_top1"] == "not run"
    assert table.loc["R3D-RS-101", "pantomime_interval"] == "Wilson over videos"
    # To the row above, of as many right videos as each seed has.
    step = table.loc["R3D-RS-101", "pantomime_delta"]
    assert step.startswith("-3.3 (-") and step.endswith(", 3 and 1 seeds)")
    assert table.loc["R3D-RS-152", "pantomime_delta"] == "not run"
    assert rs50["pantomime_delta"] == "not run"
    # 48 frames without RandAugment is not this row.
    assert table.loc["R3D-RS-200 + RA (48↑)", "pantomime_top1"] == "not run"


def test_table_4_is_of_600_classes_and_pantomime_30(results):
    write_study(results, "scaling", [0.5, 0.6], "RS-200@f48", "pantomime-30")
    table = tables.from_scratch(results, 4).set_index("point")
    assert table.loc["RS-200@f48", "paper_top1"] == 83.8
    assert table.loc["RS-200@f48", "pantomime_top1"] == 55.0
    assert table.loc["RS-200", "pantomime_top1"] == "not run"
    assert table.loc[["RS-200", "RS-200@f48"], "exact_params_m"].notna().all()


def test_table_2_counts_the_network_of_each_row(results, counts):
    by_network = {
        (row["name"], row["frames"]): row["macs"] / 1e9
        for row in counts
        if row["size"] == 256 and row["num_classes"] == 400
    }
    table = tables.table2(results).set_index("row")["exact_gmacs"]
    assert table["baseline"] == table["SJ"] == by_network["r3d-50", 16]
    assert table["SE"] == by_network["r3d-50+se", 16]
    assert table["D-stem"] == by_network["r3d-rs-50", 16]
    assert table["RA"] == table["RS-200@f48"] == by_network["r3d-rs-200", 24]


def write_study(results, study, top1, point="RS-50", dataset="pantomime-20"):
    """Write one record for each accuracy."""
    for seed, value in enumerate(top1):
        run = made_up(point, seed=seed, top1=value)
        run["experiment"] |= {"study": study, "dataset": dataset}
        scores = made_up_scores(50)
        right = np.eye(5)[scores["labels"]]
        wrong = np.arange(50) >= round(50 * value)
        scores["probabilities"] = np.where(wrong[:, None], right[:, ::-1], right)
        run["metrics"]["num_videos"] = 50
        record.write(run, results, scores)


def test_table_5_has_our_kinetics_runs_alone(results):
    point = "RS-200@f48"
    write_study(results, "fine-tuning", [0.83], point, "kinetics-400")
    table = tables.table5(results)
    own = table[~table["quoted"]].set_index("dataset")
    assert own["paper_top1"].to_list() == [83.5, 84.3]
    assert own.loc["Kinetics-400", "kinetics_top1"] == 83.0
    assert own.loc["Kinetics-600", "kinetics_top1"] == "not run"
    assert table[table["quoted"]]["kinetics_top1"].isna().all()
    assert own["exact_gmacs"].notna().all()


def test_fine_tuning_is_compared_with_as_long_from_scratch(results):
    assert tables.pretraining(results).empty
    write_study(results, "scaling", [0.9, 0.92])
    assert tables.pretraining(results).empty
    write_study(results, "fine-tuning", [0.7, 0.72, 0.74])
    [row] = tables.pretraining(results).to_dict("records")
    assert (row["network"], row["dataset"]) == ("RS-50", "pantomime-20")
    assert row["pre-trained and fine-tuned"].startswith("72.0 (")
    assert row["from scratch, as long"] == row["gain over as long"] == "not run"
    assert row["from scratch, in full"].endswith("2 seeds)")
    write_study(results, "from-scratch", [0.5, 0.52, 0.54])
    [row] = tables.pretraining(results).to_dict("records")
    gain, other = row["gain over as long"], row["gain over in full"]
    assert gain.startswith("+") and gain.endswith(", 3 seeds)")
    assert other.startswith("-") and other.endswith(", 2 and 3 seeds)")


def test_training_in_full_may_be_a_row_of_table_2(results):
    write_study(results, "fine-tuning", [0.7], "RS-200@f48")
    write_study(results, "ablation", [0.9], "RS-200@f48")
    [row] = tables.pretraining(results).to_dict("records")
    assert row["from scratch, in full"].startswith("90.0 (")


def test_seeds_of_other_videos_are_not_averaged():
    runs = [made_up(seed=0), made_up(seed=1) | {"evaluated_ids_sha256": "1" * 64}]
    with pytest.raises(
        ValueError, match="averaged: they were evaluated on other video"
    ):
        record.summarize(runs)


def test_table_6_sets_random_weights_beside_the_trained(results):
    write_study(results, "contrastive", [0.5, 0.6])
    write_study(results, "linear-evaluation", [0.2], "RS-50+untrained")
    table = tables.table6(results).set_index("point")
    assert table.loc["RS-270", "paper_top1"] == 67.5
    assert np.isnan(table.loc["R3D-50", "paper_top1"])
    row = table.loc["RS-50"]
    assert (row["pantomime_top1"], row["pantomime_untrained_top1"]) == (55.0, 20.0)
    assert row["kinetics_top1"] == table.loc["RS-101", "pantomime_top1"] == "not run"


def test_the_parents_recipe_tells_runs_apart():
    runs = [made_up(seed=seed) | {"parent": {"name": "a run"}} for seed in (0, 1)]
    assert record.summarize(runs).seeds == 2
    runs[1]["parent"] = {"name": "a run", "recipe_hash": "1" * 64}
    with pytest.raises(ValueError, match="recipes differ: parent is 'none' and '111"):
        record.summarize(runs)


def test_without_counts_the_tables_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="r3d-rs report tables --exact"):
        tables.build(tmp_path)


def test_tables_and_figures_are_the_same_bytes_every_time(results):
    record.write(made_up(), results)
    paths = [*tables.build(results), *figures.build(results)]
    assert [path.relative_to(results).as_posix() for path in paths] == [
        "tables/table2.csv",
        "tables/table3.csv",
        "tables/table4.csv",
        "tables/table5.csv",
        "tables/pretraining.csv",
        "tables/table6.csv",
        "figures/figure1.svg",
        "figures/figure1.png",
        "figures/figure2.svg",
        "figures/figure2.png",
    ]
    before = [path.read_bytes() for path in paths]
    again = [*tables.build(results), *figures.build(results)]
    assert [path.read_bytes() for path in again] == before
    assert len(files(results)) == 12


def texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


def drawn(axes):
    """Return where the points of a panel are, by their names."""
    return {
        line.get_gid().partition("-")[2]: line.get_xydata().tolist()[0]
        for line in axes.lines
        if "-" in (line.get_gid() or "")
    }


def test_figure_2_names_the_points_that_have_no_value(results):
    record.write(made_up("RS-50", top1=0.5), results)
    left, right = figures.figure(2, results).axes
    assert "not given: RS-200@f64, RS-200@i256, RS-200@i288" in texts(left)
    assert "not run: RS-101, RS-152" in texts(right)
    assert len(drawn(left)) == 7
    assert drawn(right) == {"RS-50": [0.25, 50.0]}
    [[[(_, low), (_, high)]]] = [bar.get_segments() for bar in right.collections]
    expected = [100 * share for share in wilson_interval(20, 40)]
    assert [low, high] == pytest.approx(expected)


def test_figure_1_has_the_quoted_networks_and_the_step_of_3_8_points(results):
    write_study(results, "ablation", [0.5, 0.6], "RA")
    left, right = figures.figure(1, results).axes
    points = drawn(left)
    assert points["SlowFast-16×8, R101"] == [213.0, 78.9]
    assert points["RS-50"][1] - points["R3D-50"][1] == pytest.approx(3.8)
    # RandAugment's row of Table 2 is the figure's last point.
    assert drawn(right) == {"RS-200@f48+RA": [0.25, pytest.approx(55)]}


def test_a_point_on_the_screen_says_its_numbers_and_leads_to_its_run(results):
    write_study(results, "scaling", [0.5, 0.6])

    def address(experiment):
        return "{study}/{point}-{seed}.html".format(**experiment)

    text = interactive.svg(2, results, address, title="a figure")
    marks = BeautifulSoup(text, "html.parser").select(".dot")
    [own] = [mark for mark in marks if mark.name == "a"]
    assert own["href"] == "scaling/RS-50-0.html"
    assert own["data-tip"] == "RS-50: 55.0 (0.0 to 100.0, 2 seeds) %, 0.250 G"
    assert "RS-101: 79.5 % (Table 3, row 10), " in " ".join(
        m["data-tip"] for m in marks
    )
    assert len(marks) == 8 and "#000000" not in text
    assert text.count("xlink:href") > 50 and "ns0:" not in text and "ns1:" not in text


def test_every_point_of_figure_2_is_counted(counts):
    counted = {(r["name"], r["frames"], r["size"]) for r in counts}
    for point in points.scaling().values():
        assert (point.model, point.span // 2, point.eval_size) in counted


def test_the_committed_counts_are_those_of_the_networks():
    """One network of the CSV in results/ is counted anew."""
    root = record.SCHEMA.parents[2]
    with (root / "results" / "exact" / "complexity.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["name"], int(r["frames"])) for r in rows] == [
        (name, frames) for name, frames, _, _ in exact.networks()
    ]
    counted = exact.count("r3d-50+se", 16, 256, 400)
    [row] = [row for row in rows if row["name"] == "r3d-50+se"]
    assert row == {name: str(value) for name, value in counted.items()}


def test_a_record_is_not_changed_by_writing(tmp_path):
    written = made_up()
    before = copy.deepcopy(written)
    record.write(written, tmp_path)
    assert written == before


@pytest.mark.parametrize("number", paper.FIGURES)
def test_names_are_whole_and_hide_neither_points_nor_each_other(number):
    results = record.SCHEMA.parents[2] / "results"
    for axes in figures.figure(number, results).axes:
        names = [text for text in axes.texts if isinstance(text, Annotation)]
        boxes = [name.get_window_extent() for name in names]
        points = axes.transData.transform([name.xy for name in names])
        assert len(boxes) > 5
        assert all(box.count_contains(points) == 0 for box in boxes)
        assert all(box.count_overlaps(boxes) == 1 for box in boxes)  # itself
        figure = axes.get_figure().bbox
        assert all(figure.fully_containsx(x) for box in boxes for x in box.intervalx)
