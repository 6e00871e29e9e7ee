"""Pantomime as a dataset: its videos are rendered, and nothing is downloaded."""

from r3d_rs.data.datasets import Dataset
from r3d_rs.data.names import Place


def make(place: Place, progress: bool) -> dict:
    """Render the videos; return the options of their preparation."""
    from r3d_rs import pantomime

    folder = place.directory / f"{place.name}-videos"
    videos = pantomime.make(folder, name=place.name, progress=progress)
    return {"videos": videos, "max_aside": 0.0}


def check(dataset: Dataset) -> None:
    """Check that a dataset was not prepared by a version that made other videos."""
    from r3d_rs.pantomime import SETS, video_id

    for split, part in dataset.splits.items():
        listed = "validate" if split == "validation" else split
        expected = SETS[dataset.name].count(listed)
        found = str(dataset.frames(split).ids[0])
        first = video_id(dataset.name, listed, 0)
        if part.num_videos != expected or found[:4] != first[:4]:
            raise ValueError(
                f"{dataset.name}, split {split}: has {part.num_videos} videos like"
                f" {found}, expected {expected} like {first}; another version prepared"
                f" it: remove {part.index.parent} and the folder {dataset.name}-videos"
            )
