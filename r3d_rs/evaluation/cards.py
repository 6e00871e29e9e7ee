"""Model cards of trained networks, made from their records."""

import json
from pathlib import Path

from r3d_rs import REPOSITORY
from r3d_rs.evaluation.networks import Published

LICENCE = "apache-2.0"
TITLE = "Revisiting 3D ResNets for Video Recognition"


def card(network: Published) -> str:
    """Return a published network's model card, with Hugging Face's metadata header.

    Raises:
        FileNotFoundError, ValueError: if its record is missing or damaged.
    """
    run, about, record = network.run, network.about, network.record
    recipe, metrics = network.recipe, about["metrics"]
    low, high = (f"{100 * x:.1f}" for x in metrics["video_top1_interval"])
    top1, top5 = (f"{100 * metrics[f'video_top{k}']:.2f}" for k in (1, 5))
    header = {
        "license": LICENCE,
        "library_name": "keras",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "3d-resnet", recipe.model],
    }
    views = f"{recipe.temporal_views} clips by {recipe.spatial_views} crops"
    side, stride = recipe.eval_size, recipe.temporal_stride
    minutes = record["wall_seconds"]["training"] / 60
    rows = {
        "trained on": f"{run['dataset']}, {len(network.classes)} classes",
        "top-1": f"{top1} % (95 % interval over videos {low} to {high} %)",
        "top-5": f"{top5} %",
        "evaluated on": f"{metrics['num_videos']:,} videos of the split"
        f" {about['split']}, {views}",
        "in single precision": f"top-1 {100 * record['metrics']['video_top1']:.2f} %",
        "parameters": f"{record['parameters']:,}, stored in half precision",
        "multiply-adds": f"{1000 * record['gmacs']:.1f} million a view",
        "input": f"{recipe.frames} frames, one of {stride}, {side}×{side} pixels",
        "training": f"{recipe.epochs} epochs, {recipe.optimizer}, seed {run['seed']},"
        f" {minutes:.0f} minutes on {record['device']}",
    }
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in header.items())
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""---
{head}
---

# {network.name}

A video classifier, {recipe.model} at {recipe.width:g} times the width, of a study of
*{TITLE}*: {REPOSITORY}.
It is small, for trying out. Nothing of it was trained on Kinetics.

| | |
|---|---|
{table}

## Use

```bash
r3d-rs predict clip.mp4 --network {network.name}
r3d-rs run finetune/NAME -p network={network.name}
```

## Classes

{", ".join(network.classes)}

## Limits

It always names one of these classes. It is one run with one seed; others differ, and
the study's tables have them all. On other kinds of videos, fine-tune it and measure.
"""


def write(network: Published) -> Path:
    """Write the card beside the network."""
    network.card.write_text(card(network), encoding="utf-8")
    return network.card
