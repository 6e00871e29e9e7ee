"""Clips as animated pictures inside an HTML page. Needs no TensorFlow."""

import base64
import html
import io
from collections.abc import Iterable

import numpy as np
from IPython.display import HTML
from PIL import Image

#: Frames up to this height, in pixels, are stored losslessly and drawn without blur.
SMALL = 96
#: Factor by which a clip is enlarged if there is room.
SCALE = 3
#: Milliseconds per frame.
DURATION = 80

# Rows hold two or four clips, so the two classes of a pair stay side by side.
_STYLE = """<style>
.clips { display: grid; grid-template-columns: repeat(2, 1fr); gap: 1rem 0.75rem; }
@media print, (min-width: 48rem) { .clips { grid-template-columns: repeat(4, 1fr); } }
.clips figure { margin: 0; padding: 0; min-width: 0; }
.clips img { display: block; max-width: 100%; height: auto; }
.clips img.small { image-rendering: pixelated; }
.clips figcaption { padding: 0; text-align: left; line-height: 1.3; }
.clips small { display: block; }
</style>"""


def animations(named_clips: Iterable[tuple[str, np.ndarray]]) -> HTML:
    """Show clips as endless animations, two in a row or, in a wide window, four.

    If the reader's system asks for reduced motion, each clip shows its middle frame.

    Args:
        named_clips: captions and clips, uint8 `(time, height, width, 3)`. The first
            line of a caption is the clip's name.
    """
    figures = []
    for caption, frames in named_clips:
        name, _, note = caption.partition("\n")
        alt = f"Animated clip: {name}" + (f" ({note})" if note else "")
        shown = _picture(np.asarray(frames), alt)
        small = f"<small>{html.escape(note)}</small>" if note else ""
        figures.append(
            f"<figure>{shown}<figcaption>{html.escape(name)}{small}</figcaption>"
            "</figure>"
        )
    return HTML(f'{_STYLE}<div class="clips">{"".join(figures)}</div>')


def _picture(frames: np.ndarray, alt: str) -> str:
    """Return a clip as HTML; `alt` describes it for screen readers."""
    height, width = frames.shape[1:3]
    still = frames[len(frames) // 2][None]
    small = ' class="small"' if height <= SMALL else ""
    return (
        '<picture><source media="(prefers-reduced-motion: reduce)"'
        f' srcset="{_webp(still)}">'
        f'<img{small} src="{_webp(frames)}" alt="{html.escape(alt)}"'
        f' width="{SCALE * width}" height="{SCALE * height}"></picture>'
    )


def _webp(frames: np.ndarray) -> str:
    """Return frames as a data URI; animated WebP is half the size of GIF."""
    first, *rest = (Image.fromarray(frame) for frame in frames)
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=DURATION,
        loop=0,
        lossless=frames.shape[1] <= SMALL,
    )
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
