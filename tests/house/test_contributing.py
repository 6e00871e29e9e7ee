"""Lines that CONTRIBUTING.md names are those of which it speaks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: What each line has, in the order in which they are named.
HAVE = [
    "TABLE_2 = {",
    "self.stochastic_depth = ",
    "label_smoothing=recipe",
    "def random_crop_box",
    "if recipe.randaugment_layers",
    "def encoded",
    "def write(",
    "class FrameIndex",
    "def training_clips",
    "model.fit(",
    "def scaling",
    "def check",
    "def recipe(",
    "def write_record",
    "def summarize",
    "def build",
    "def random_flip",
    "def clip(",
    "randaugment_layers",
]


def test_lines_that_are_named_have_what_is_said_of_them():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`(r3d_rs/[a-z0-9_/]+\.py):(\d+)`", text)
    for (file, number), code in zip(named, HAVE, strict=True):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        own = [i for i, line in enumerate(lines, 1) if code in line]
        assert code in lines[int(number) - 1], f"{file}:{number}: now in {own[:1]}"
