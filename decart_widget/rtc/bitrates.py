"""The range of a video encoder's bitrate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bitrates:
    """Start value and limits of an encoder's target bitrate, in bit/s.

    Attributes:
        start: Used until the receiver has reported an estimate.
        floor: Lower estimates are raised to this value.
        ceiling: Higher estimates are lowered to this value.

    Raises:
        ValueError: They are not ``0 < floor <= start <= ceiling``.
    """

    start: int = 3_000_000
    floor: int = 500_000
    ceiling: int = 6_000_000

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.start <= self.ceiling:
            raise ValueError(f"bitrates need 0 < floor <= start <= ceiling, not {self}")

    def clamp(self, bitrate: int) -> int:
        """``bitrate`` (bit/s) limited to floor and ceiling."""
        return max(self.floor, min(bitrate, self.ceiling))

    @classmethod
    def fixed(cls, bitrate: int) -> Bitrates:
        """One bitrate (bit/s), whatever the receiver estimates; for loopback, without a network."""
        return cls(bitrate, bitrate, bitrate)
