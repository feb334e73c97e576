"""The range of a video's bitrate, and how a browser is told of it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Bitrates:
    """The range of an encoder's bitrate, in bit/s.

    Attributes:
        start: Used until the receiver has reported an estimate.
        floor: An estimate below it counts as this much.
        ceiling: An estimate above it counts as this much.
    """

    start: int = 3_000_000
    floor: int = 500_000
    ceiling: int = 6_000_000

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.start <= self.ceiling:
            raise ValueError(f"bitrates need 0 < floor <= start <= ceiling, not {self}")

    def clamp(self, bitrate: int) -> int:
        """``bitrate`` (bit/s) within floor and ceiling."""
        return max(self.floor, min(bitrate, self.ceiling))

    @classmethod
    def fixed(cls, bitrate: int) -> Bitrates:
        """One bitrate whatever the receiver estimates: right where there is no network between."""
        return cls(bitrate, bitrate, bitrate)


_RTPMAP = re.compile(r"a=rtpmap:(\d+) (?:VP8|VP9|H264|AV1)/90000")


def with_start_bitrate(sdp: str, bitrates: Bitrates) -> str:
    """``sdp`` (an answer) with Chromium's start, min and max bitrate for its video codecs.

    Without them Chromium starts at 0.3 Mbit/s and takes half a minute to a full picture. Other
    browsers ignore the parameters. An answer that names a start bitrate stays as it is.
    """
    if "x-google-start-bitrate" in sdp:
        return sdp
    hint = ";".join(
        f"x-google-{name}-bitrate={value // 1000}"
        for name, value in (
            ("start", bitrates.start),
            ("min", bitrates.floor),
            ("max", bitrates.ceiling),
        )
    )
    lines = sdp.splitlines()
    described = {line.split(" ")[0] for line in lines if line.startswith("a=fmtp:")}
    video = {match[1] for line in lines if (match := _RTPMAP.match(line))}
    hinted = []
    for line in lines:
        payload = line.partition(":")[2].split(" ")[0]
        is_described = line.startswith("a=fmtp:") and payload in video
        hinted.append(f"{line};{hint}" if is_described else line)
        if _RTPMAP.match(line) and f"a=fmtp:{payload}" not in described:
            hinted.append(f"a=fmtp:{payload} {hint}")
    return "\r\n".join(hinted) + "\r\n"
