"""The parts of the paper, and the runs of each."""

from r3d_rs.experiments import record
from r3d_rs.report import parts
from tests.shared.made_up import made_up


def test_hours_are_added_up_by_part_of_the_paper(tmp_path):
    for study, point, dataset, seconds, device in (
        ("scaling", "R3D-50", "pantomime-20", 3600, "one core"),
        ("scaling", "RS-50", "pantomime-20", 1800, "one core"),
        ("ablation", "LS", "pantomime-20", 7200, "a card"),
        ("pre-training", "RS-50", "pantomime-web", 900, "one core"),
        ("fine-tuning", "RS-50", "pantomime-30", 900, "one core"),
        ("scaling", "RS-50", "pantomime-30", 900, "one core"),
    ):
        one = made_up(point)
        one["experiment"] |= {"study": study, "dataset": dataset}
        one["device"] = device
        one["wall_seconds"] |= {"total": seconds}
        record.write(one, tmp_path)
    assert parts.table(tmp_path).loc["Table 2: ablation", "pantomime"] == (
        "2 points, 2 runs"
    )
    found = [
        (name.partition(":")[0], row["device"], row["runs"], row["hours"])
        for name, row in parts.hours(tmp_path).iterrows()
    ]
    assert found == [
        ("Figures 1 and 2, Table 3", "one core", 2, "1.5"),
        # The baseline is Figure 2's R3D-50.
        ("Table 2", "a card", 1, "2.0"),
        ("Table 2", "one core", 1, "1.0"),
        ("Table 4", "-", 0, "not run"),
        # R3D-RS-50 in full is what pre-training is compared with.
        ("Table 5", "one core", 4, "1.2"),
        ("Table 6", "-", 0, "not run"),
        ("all runs", "a card", 1, "2.0"),
        ("all runs", "one core", 5, "2.2"),
    ]


def test_runs_on_accelerators_are_beside_those_on_processors(tmp_path):
    assert parts.on_accelerators(tmp_path)["device"].tolist() == ["not run"]
    for point, seed, top1, device, backend in (
        ("RS-50", 0, 0.5, "a processor with AVX2, 1 of 2 cores", "tensorflow"),
        ("RS-50", 1, 0.52, "1 × NVIDIA H200, a processor, 16 cores", "jax"),
        ("RS-50", 2, 0.54, "1 × NVIDIA H200, a processor, 16 cores", "jax"),
        ("RS-101", 0, 0.6, "8 × TPU v5 lite, a processor, 112 cores", "jax"),
        ("RS-152", 0, 0.7, "a processor, 2 cores", "tensorflow"),
    ):
        one = made_up(point)
        one["experiment"] |= {"seed": seed}
        one["metrics"] |= {"video_top1": top1}
        record.write(one | {"device": device, "backend": backend}, tmp_path)
    assert parts.on_accelerators(tmp_path).T.to_dict("list") == {
        "scaling/RS-101": [
            "pantomime-20",
            "8 × TPU v5 lite",
            "60.0 (seed 0, jax)",
            "not run",
        ],
        "scaling/RS-50": [
            "pantomime-20",
            "1 × NVIDIA H200",
            "52.0 (seed 1, jax), 54.0 (seed 2, jax)",
            "50.0 (seed 0, tensorflow)",
        ],
    }
