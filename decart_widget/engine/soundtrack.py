"""Copies the sound of a video file into a recording of its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.inputs.sources.containers import HEAD_BYTES, format_of

if TYPE_CHECKING:
    from av.container import OutputContainer

CONVERTED: Final = {"aac": "aac", "opus": "libopus"}
"""FFmpeg's encoder of a sound codec, by the codec's name."""


class Soundtrack:
    """The sound of one file, written up to the time of the newest frame.

    The packets are copied where the container takes their codec, and converted otherwise.

    Args:
        container: The recording; its video stream is added before.
        source: The opened video file.
        copied: Whether the packets are copied.
        codec: What they are converted to otherwise.
        start_s: Begin of the part whose sound is kept, in seconds.
        end_s: Its end; None: that of the file.
    """

    def __init__(
        self,
        container: OutputContainer,
        source: Any,
        *,
        copied: bool,
        codec: str,
        start_s: float,
        end_s: float | None,
    ) -> None:
        self._container = container
        self._source = source
        self._start_s = start_s
        self._end_s = end_s
        self._input = source.streams.audio[0]
        self._copied = copied
        self._output: Any
        if copied:
            self._output = container.add_stream_from_template(self._input)
        else:
            self._output = container.add_stream(CONVERTED[codec], rate=48_000)
        if start_s > 0:
            source.seek(int(start_s * 1_000_000), backward=True)
        self._packets = self._read()
        self._next = next(self._packets, None)

    @classmethod
    def open(
        cls,
        container: OutputContainer,
        codecs: Sequence[str],
        path: str,
        start_s: float,
        end_s: float | None,
    ) -> Soundtrack | None:
        """Returns the sound of a file; None if it has none.

        Args:
            container: The recording.
            codecs: Names of the codecs that it takes; others are converted to the first one.
            path: The video file.
            start_s: Begin of the part whose sound is kept, in seconds.
            end_s: Its end; None: that of the file.
        """
        import av

        with Path(path).open("rb") as file:
            name = format_of(file.read(HEAD_BYTES))
        if name is None:
            return None
        source = av.open(path, format=name)
        if not source.streams.audio:
            source.close()
            return None
        codec = source.streams.audio[0].codec_context.name
        return cls(
            container,
            source,
            copied=codec in codecs,
            codec=codecs[0],
            start_s=start_s,
            end_s=end_s,
        )

    def write_until(self, time_s: float) -> None:
        """Writes the sound up to this time from the begin of the part, in seconds."""
        while self._next is not None and self._next[0] <= time_s:
            self._container.mux(self._next[1])
            self._next = next(self._packets, None)

    def close(self, time_s: float) -> None:
        """Writes the sound up to the time of the last frame, and closes the file."""
        self.write_until(time_s)
        if not self._copied:
            for packet in self._output.encode(None):
                self._container.mux(packet)
        self._source.close()

    def _read(self) -> Iterator[tuple[float, Any]]:
        """Yields each packet to write with its time from the begin of the part, in seconds."""
        for packet in self._source.demux(self._input):
            if packet.pts is None:
                continue
            time_s = float(packet.pts * packet.time_base) - self._start_s
            if time_s < 0:
                continue
            if self._end_s is not None and time_s > self._end_s - self._start_s:
                return
            if self._copied:
                shift = round(self._start_s / packet.time_base)
                packet.pts -= shift
                if packet.dts is not None:
                    packet.dts -= shift
                packet.stream = self._output
                yield time_s, packet
            else:
                for frame in packet.decode():
                    yield from self._converted(frame, time_s)

    def _converted(self, frame: Any, time_s: float) -> Iterator[tuple[float, Any]]:
        if frame.pts is not None:
            frame.pts -= round(self._start_s / frame.time_base)
        for packet in self._output.encode(frame):
            yield time_s, packet
