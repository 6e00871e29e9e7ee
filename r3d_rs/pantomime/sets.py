"""The sets of videos: which classes, how many, and how right their labels are."""

import dataclasses

from r3d_rs.pantomime.actions import CLASSES_20, CLASSES_30
from r3d_rs.pantomime.exact import Draws
from r3d_rs.pantomime.video import SPLITS


@dataclasses.dataclass(frozen=True)
class VideoSet:
    """One set of videos.

    Attributes:
        classes: in the order of their labels.
        train: training videos of each class; `validate` and `test` likewise.
        validate: of each class.
        test: of each class.
        noise: share of the training videos that show another class than their label.
        stream: sets with the same number share the random draws of a video, those with
            different ones share no video.
    """

    classes: tuple[str, ...]
    train: int = 20
    validate: int = 20
    test: int = 100
    noise: float = 0.0
    stream: int = 0

    def count(self, split: str) -> int:
        """Return how many videos a split has."""
        return getattr(self, split) * len(self.classes)

    def label(self, index: int) -> str:
        """Return the label of a split's video number `index`."""
        return self.classes[index % len(self.classes)]

    def shown(self, seed: int, split: str, index: int) -> str:
        """Return the class that a video shows, which with noise is not its label."""
        label = self.label(index)
        draws = Draws(seed, SPLITS.index(split), index, 1 + self.stream)
        if split != "train" or not draws.chance(self.noise):
            return label
        others = [name for name in self.classes if name != label]
        return others[int(draws.between(0.0, len(others)))]


#: Pantomime-20 plays Kinetics-400's part and Pantomime-30 Kinetics-600's. The videos of
#: Pantomime-web are labelled like those that a search for a class's name finds: many
#: show something else. It plays the part of Web Video Text (§4.5).
SETS = {
    "pantomime-20": VideoSet(CLASSES_20),
    "pantomime-30": VideoSet(CLASSES_30),
    "pantomime-web": VideoSet(CLASSES_30, train=400, test=0, noise=0.3, stream=1),
}
