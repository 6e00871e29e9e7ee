"""What the study takes on Kinetics, by hand."""

import pytest

from r3d_rs.experiments import record, registry
from r3d_rs.operations import cost, exact

RESULTS = record.SCHEMA.parents[2] / "results"


@pytest.fixture(scope="module")
def counts():
    return exact.read(RESULTS)


def of(name, counts, dataset="kinetics-400", **options):
    return cost.estimate(registry.get(name), dataset, counts, **options)


def test_r3d_rs_50_on_kinetics_400(counts):
    """350 epochs of 210 batches; 57.49 G multiply-adds at 256², 49/64 of it at 224²."""
    found = of("scaling/RS-50", counts)
    assert found.steps == 350 * 210
    assert found.clips == 350 * 210 * 1024
    forward = 57.49e9 * 49 / 64
    assert found.training_macs == pytest.approx(3 * found.clips * forward, rel=1e-3)
    assert found.evaluation_macs == pytest.approx(17_706 * 30 * 57.49e9, rel=1e-3)
    # 48 million weights: twice with momenta, and once the trained network.
    assert found.checkpoint_gb == pytest.approx(48_183_088 * 4 * 5 / 1e9)
    operations = 2 * (found.training_macs + found.evaluation_macs)
    assert found.core_hours == pytest.approx(operations / 61.5e12 / 3600)


def test_multiply_adds_are_in_proportion_to_frames_and_pixels(counts):
    base = counts.loc[("r3d-rs-200", 16, 256, 400), "gmacs"]
    for frames, size in ((24, 256), (32, 256), (16, 288), (16, 320)):
        counted = counts.loc[("r3d-rs-200", frames, size, 400), "gmacs"]
        assert base * frames / 16 * (size / 256) ** 2 == pytest.approx(
            counted, rel=1e-3
        )


def test_fine_tuning_takes_its_pre_training_too(counts):
    whole = of("fine-tuning/RS-200@f48", counts)
    alone = of("fine-tuning/RS-200@f48", counts, parent=False)
    before = of("pre-training/RS-200@f48", counts, dataset="web-video-text")
    assert alone.steps == 10_000
    assert before.clips == pytest.approx(4 * 70e6, rel=1e-3)
    assert whole.clips == alone.clips + before.clips


def test_contrastive_learning_sees_two_clips_and_its_evaluation_has_no_gradient(counts):
    contrasted = of("contrastive/RS-50", counts)
    random = of("linear-evaluation/RS-50+untrained", counts)
    assert random.steps == 100 * (215_570 // 1024)
    # 32 of 64 frames, forward alone
    forward = 57.49e9 * 49 / 64 * 2
    assert random.training_macs == pytest.approx(random.clips * forward, rel=1e-3)
    assert contrasted.clips - random.clips == 2 * 800 * (215_570 // 2048) * 2048


def test_what_is_the_same_run_is_paid_once():
    names = cost.table(RESULTS)["experiment"]
    assert not set(names) & set(registry.SAME)
    order = cost.priorities(RESULTS).set_index("claim")
    runs = [run for cell in order["runs to add"] for run in cell.split(", ")]
    paid = [run for run in runs if run != "none"]
    assert len(paid) == len(set(paid))
    assert order["in all"].iloc[-1] == pytest.approx(order["core-hours"].sum(), abs=10)


def test_small_steps_of_the_paper_are_within_the_noise_of_its_videos():
    """Of +0.1 points at 76 %, 17,706 videos see less than one in ten."""
    assert cost._probability(0.1, [76.3, 76.4]) < 0.1
    assert cost._probability(3.8, [74.4, 78.2]) > 0.999
    # 1.96 standard errors are seen half of the time.
    error = (2 * 0.25 / 17_706) ** 0.5
    assert cost._probability(196 * error, [50, 50]) == pytest.approx(0.5, abs=1e-3)
