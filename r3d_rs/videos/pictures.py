"""Intact, broken and missing pictures of a video file, and the choice of its stream."""

import errno
import math
from collections.abc import Iterator, Sequence

import av
import numpy as np

from r3d_rs.videos.steady import Steady

#: Errors of the machine, which say nothing about a video.
OF_THE_MACHINE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)


def video_stream(container, path):
    """Return a file's video stream, ready to be decoded by one thread.

    Raises:
        ValueError: naming the file, if it has none or is a picture.
    """
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise ValueError(f"video {path} does not decode: it is a picture ({name})")
    # Of several streams, take FFmpeg's choice. The cover of a song is no video.
    best = container.streams.best("video")
    streams = [best, *container.streams.video] if best else []
    cover = av.stream.Disposition.attached_pic
    stream = next((one for one in streams if not one.disposition & cover), None)
    if stream is None:
        raise ValueError(f"video {path} does not decode: it has no video stream")
    # By default, a decoder conceals some errors.
    stream.codec_context.options = {"err_detect": "explode"}
    # Several processes decode a video each.
    stream.codec_context.thread_count = 1
    return stream


class Pictures:
    """A stream's intact pictures, a record of the broken ones, and the file's length.

    Attributes:
        broken: times of broken packets and pictures.
        error: first error of the decoder or the container, None if there is none.
    """

    def __init__(self, container, stream):
        """Keep a container and its video stream, without reading them."""
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
        """Count as broken the pictures that the decoder dropped without an error.

        A dropped picture leaves the frame in which it is due without a picture. Packets
        that are not shown (VP8 has such) and the second field of a picture do not.
        Nothing is counted unless the rate is known and the times increase.

        Args:
            shown: the frames in which the pictures are shown.
            times: times of the pictures, seconds.
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
        """Yield the stream's packets; note when this and the sound streams end."""
        own = [self.stream, *self.container.streams.audio]
        # A packet's time base is a fraction, which would cost more than all the rest.
        units = {stream.index: float(stream.time_base or 0) for stream in own}
        # FLV has no durations. FFmpeg's length then counts a picture at this rate.
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
                    # With B-frames this may precede the start; MOV's length counts it.
                    decoded = packet.dts * units[self.stream.index]
                    self._first = min(self._first, decoded)
                yield packet

    def check(self, path, sound: int, whole: float) -> None:
        """Check that the file is a video and that enough of it is present and intact.

        Args:
            path: path of the file.
            sound: number of intact pictures.
            whole: least share of the pictures that must be present and intact.

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
        """Return the seconds that are present and those that the file states.

        The stated seconds are 0 if the file states none.
        """
        stream, ends = self.stream, self._ends
        if stream.duration is not None and stream.index in ends:
            start = float((stream.start_time or 0) * stream.time_base)
            held = ends[stream.index] - min(start, self._first)
            stated = float(stream.duration * stream.time_base)
            # FFmpeg may lower an AVI file's duration to fit the file's size. The number
            # of frames stays.
            if stream.frames and stream.average_rate:
                stated = max(stated, float(stream.frames / stream.average_rate))
            return held, stated
        # Sound may be longer than the pictures: one complete stream is enough.
        stated = (self.container.duration or 0) / av.time_base
        return max(ends.values(), default=0.0), stated if ends else 0.0


def raise_machine(error: av.error.FFmpegError, path) -> None:
    """Raise an OSError if the error is the machine's and not the video's."""
    if error.errno in OF_THE_MACHINE:
        raise OSError(error.errno, error.strerror, str(path)) from error


def reason_of(error: av.error.FFmpegError) -> str:
    """Return the message of an FFmpeg error."""
    return error.strerror or type(error).__name__
