"""The sets of videos: their classes, sizes and label noise."""

import dataclasses

from r3d_rs.pantomime.actions import CLASSES_20, CLASSES_30
from r3d_rs.pantomime.exact import Draws
from r3d_rs.pantomime.video import SPLITS


@dataclasses.dataclass(frozen=True)
class VideoSet:
    """One set of videos.

    Attributes:
        classes: classes in the order of their labels.
        train: number of training videos per class.
        validate: number of validation videos per class.
        test: number of test videos per class.
        noise: probability that a training video shows another class than its label.
        stream: number of the random stream. Sets with the same stream share each
            video's random draws; sets with different streams share no videos.
    """

    classes: tuple[str, ...]
    train: int = 20
    validate: int = 20
    test: int = 100
    noise: float = 0.0
    stream: int = 0

    def count(self, split: str) -> int:
        """Return the number of videos in a split."""
        return getattr(self, split) * len(self.classes)

    def label(self, index: int) -> str:
        """Return the label of video number `index` of any split."""
        return self.classes[index % len(self.classes)]

    def shown(self, seed: int, split: str, index: int) -> str:
        """Return the class that a video shows; with noise it may not be its label."""
        label = self.label(index)
        draws = Draws(seed, SPLITS.index(split), index, 1 + self.stream)
        if split != "train" or not draws.chance(self.noise):
            return label
        others = [name for name in self.classes if name != label]
        return others[int(draws.between(0.0, len(others)))]


#: Pantomime-20 stands in for Kinetics-400, and Pantomime-30 for Kinetics-600.
#: Pantomime-web stands in for Web Video Text (§4.5). Its labels imitate a search for a
#: class name: many of the videos show something else.
SETS = {
    "pantomime-20": VideoSet(CLASSES_20),
    "pantomime-30": VideoSet(CLASSES_30),
    "pantomime-web": VideoSet(CLASSES_30, train=400, test=0, noise=0.3, stream=1),
}
