"""The sound pictures of a video file: which stream, what is broken, what is missing."""

import errno
import math
from collections.abc import Iterator, Sequence

import av
import numpy as np

from r3d_rs.videos.steady import Steady

#: Errors that say nothing about a video.
OF_THE_MACHINE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)


def video_stream(container, path):
    """Return the stream of a file's video, ready to be decoded by one thread.

    Raises:
        ValueError: naming the file, when it has none.
    """
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise ValueError(f"video {path} does not decode: it is a picture ({name})")
    # Of several, the one that FFmpeg takes. The cover of a song is no video.
    best = container.streams.best("video")
    streams = [best, *container.streams.video] if best else []
    cover = av.stream.Disposition.attached_pic
    stream = next((one for one in streams if not one.disposition & cover), None)
    if stream is None:
        raise ValueError(f"video {path} does not decode: it has no video stream")
    # A decoder would conceal some of what is broken.
    stream.codec_context.options = {"err_detect": "explode"}
    # Videos are decoded side by side, one a process.
    stream.codec_context.thread_count = 1
    return stream


class Pictures:
    """The sound pictures of a stream, what is broken, and how far the file reaches.

    Attributes:
        broken: times of the packets and pictures that are broken.
        error: the first of the decoder's or the container's, if there is one.
    """

    def __init__(self, container, stream):
        """Read nothing yet of a container and its video stream."""
        self.container, self.stream = container, stream
        self.broken, self.error = set(), None
        self._announced = set()
        self._ends = {}
        self._first = math.inf

    def sound(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures that the decoder does not report as broken."""
        for packet in self._packets():
            if packet.size and packet.pts is not None and not packet.is_discard:
                self._announced.add(packet.pts)
            if packet.is_corrupt and packet.size:
                self._note(packet.pts)
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                raise_machine(error, self.container.name)
                self._note(packet.pts, error)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._note(frame.pts)
                elif frame.pts is None or frame.pts not in self.broken:
                    yield frame

    def note_silent(self, shown: Steady, times: Sequence[float | None]) -> None:
        """Count as broken what the decoder passed over without a word.

        Such a picture leaves the frame in which it is due without one. Packets that are
        not to be shown, as VP8 has them, and fields of one picture leave none.

        Args:
            shown: in which frames the pictures are.
            times: of the pictures, seconds.
        """
        if None in times or not (np.diff(times) > 0).all() or not shown.rate:
            return
        seen = set(shown.ticks.tolist())
        for time in self._announced - self.broken:
            seconds = float(time * self.stream.time_base) - times[0]
            tick = round(seconds * shown.rate)
            if 0 < tick < shown.count and tick not in seen:
                self.broken.add(time)

    def _note(self, time: int | None, error: Exception | None = None) -> None:
        self.error = self.error or error
        self.broken.add(("without a time", len(self.broken)) if time is None else time)

    def _packets(self) -> Iterator[av.Packet]:
        """Yield the stream's packets; note where those of all streams end."""
        own = [self.stream, *self.container.streams.audio]
        # Of a packet it would be a fraction, which costs more than the rest here.
        units = {stream.index: float(stream.time_base or 0) for stream in own}
        # FLV keeps no durations. FFmpeg's length then has a picture of the stated rate.
        rate = self.stream.average_rate
        lengths = {self.stream.index: 1 / float(rate) if rate else 0.0}
        packets = self.container.demux(*own)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:  # the file ends before its index
                raise_machine(error, self.container.name)
                self.error = self.error or error
                return
            if packet is None:
                return
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                index = packet.stream_index
                length = (packet.duration or 0) * units[index]
                end = time * units[index] + (length or lengths.get(index, 0.0))
                self._ends[index] = max(end, self._ends.get(index, end))
            if packet.stream_index == self.stream.index:
                if packet.dts is not None:
                    # With B-frames it may be before the start, and MOV's length has it.
                    decoded = packet.dts * units[self.stream.index]
                    self._first = min(self._first, decoded)
                yield packet

    def check(self, path, sound: int, whole: float) -> None:
        """Check that enough of the video is there, and that it is one.

        Args:
            path: of the file.
            sound: number of pictures that came.
            whole: share of the pictures that has to be there and sound.

        Raises:
            ValueError: naming the file and what is wrong with it.
        """
        if not sound:
            reason = reason_of(self.error) if self.error else "it holds no frames"
            raise ValueError(f"video {path} does not decode: {reason}")
        if sound + len(self.broken) == 1 and self.container.streams.audio:
            raise ValueError(f"video {path} is sound with one picture, and no video")
        held, stated = self._seconds()
        if self.error and not stated and not self.broken:
            raise ValueError(f"video {path} does not decode: {reason_of(self.error)}")
        share = min(1.0, held / stated) if stated else 1.0
        if share < whole:
            raise ValueError(
                f"video {path} was cut off: it holds {held:.1f} of {stated:.1f} seconds"
            )
        total = sound + len(self.broken)
        if share * sound / total < whole:
            raise ValueError(
                f"video {path} has {len(self.broken)} broken pictures of {total}, and"
                f" {share:.0%} of its seconds; allowed are {1 - whole:.0%} broken or"
                " missing"
            )

    def _seconds(self) -> tuple[float, float]:
        """Return how many seconds are there, and how many are stated, 0 if none are."""
        stream, ends = self.stream, self._ends
        if stream.duration is not None and stream.index in ends:
            start = float((stream.start_time or 0) * stream.time_base)
            held = ends[stream.index] - min(start, self._first)
            stated = float(stream.duration * stream.time_base)
            # FFmpeg takes the size of an AVI file into account, where it knows better.
            if stream.frames and stream.average_rate:
                stated = max(stated, float(stream.frames / stream.average_rate))
            return held, stated
        # Sound may be longer than the pictures: the file is whole if one stream is.
        stated = (self.container.duration or 0) / av.time_base
        return max(ends.values(), default=0.0), stated if ends else 0.0


def raise_machine(error: av.error.FFmpegError, path) -> None:
    """Raise an error that says nothing about the video."""
    if error.errno in OF_THE_MACHINE:
        raise OSError(error.errno, error.strerror, str(path)) from error


def reason_of(error: av.error.FFmpegError) -> str:
    """Return what an error of FFmpeg says."""
    return error.strerror or type(error).__name__
