"""Frames between two processes: what a reader gets of what a writer has written."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from decart_widget.engine.ring import (
    FrameInfo,
    FrameTooLargeError,
    RingReader,
    RingWriter,
    copy_planes,
)
from decart_widget.engine.ring_memory import SLOTS, RingDescriptors

WIDTH, HEIGHT = 16, 8


class Ring:
    def __init__(self) -> None:
        self.descriptors = RingDescriptors.create(WIDTH * HEIGHT * 3 // 2)
        self.writer = self.new_writer()
        self.reader = self.new_reader()

    def new_writer(self) -> RingWriter:
        return RingWriter(self.descriptors.memory, self.descriptors.writer_bell)

    def new_reader(self) -> RingReader:
        return RingReader(self.descriptors.memory, self.descriptors.reader_bell)

    def write(self, index: int, writer: RingWriter | None = None) -> int:
        info = FrameInfo(index, index / 25, 1000 + index)
        return (writer or self.writer).write(WIDTH, HEIGHT, info, lambda into: into.fill(index))


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = Ring()
    yield ring
    ring.writer.close()
    ring.reader.close()
    ring.descriptors.close()


def taken(reader: RingReader, *, every: bool) -> list[int]:
    indices = []
    while (frame := reader.take(every=every)) is not None:
        assert (frame.picture == frame.info.index).all()
        indices.append(frame.info.index)
    return indices


def test_a_frame_arrives_with_all_that_was_said_about_it(ring: Ring) -> None:
    info = FrameInfo(7, 0.28, 123, 456, generation=2, attempt=3, exact=False)
    picture = np.arange(WIDTH * HEIGHT * 3 // 2, dtype=np.uint8).reshape(-1, WIDTH)
    ring.writer.write(WIDTH, HEIGHT, info, lambda into: np.copyto(into, picture))
    frame = ring.reader.take()
    assert frame is not None
    assert frame.info == info
    assert frame.number == 1
    assert np.array_equal(frame.picture, picture)


def test_a_frame_without_identity_says_so(ring: Ring) -> None:
    info = FrameInfo(-1, math.nan, 0, 5, exact=False)
    ring.writer.write(WIDTH, HEIGHT, info, lambda into: into.fill(0))
    frame = ring.reader.take()
    assert frame is not None
    assert frame.info.index == -1
    assert math.isnan(frame.info.source_time)


def test_a_reader_gets_the_newest_frame_and_counts_those_that_it_skipped(ring: Ring) -> None:
    for index in range(6):
        ring.write(index)
    assert taken(ring.reader, every=False) == [5]
    assert ring.reader.dropped == 5


def test_a_reader_of_every_frame_gets_all_that_the_ring_holds(ring: Ring) -> None:
    for index in range(SLOTS):
        ring.write(index)
    assert taken(ring.reader, every=True) == list(range(SLOTS))
    assert ring.reader.dropped == 0


def test_a_frame_is_taken_once(ring: Ring) -> None:
    ring.write(1)
    assert ring.reader.take() is not None
    assert ring.reader.take() is None


def test_a_writer_that_waits_for_room_loses_nothing(ring: Ring) -> None:
    got = []
    for index in range(20):
        if ring.writer.is_full:
            assert not ring.writer.wait_for_room(0)
            got += taken(ring.reader, every=True)
            assert ring.writer.wait_for_room(0)
        ring.write(index)
    got += taken(ring.reader, every=True)
    assert got == list(range(20))


def test_a_writer_that_does_not_wait_overwrites_the_oldest(ring: Ring) -> None:
    for index in range(SLOTS + 2):
        ring.write(index)
    assert taken(ring.reader, every=True) == list(range(2, SLOTS + 2))
    assert ring.reader.dropped == 2


def test_a_frame_that_is_overwritten_while_it_is_read_is_not_given(ring: Ring) -> None:
    for index in range(SLOTS):
        ring.write(index)
    got: list[int] = []

    def read_meanwhile(into: np.ndarray) -> None:
        into.fill(9)
        got.extend(taken(ring.reader, every=True))

    ring.writer.write(WIDTH, HEIGHT, FrameInfo(9, 0.0, 0), read_meanwhile)
    assert got == list(range(1, SLOTS))
    assert taken(ring.reader, every=True) == [9]


def test_a_second_writer_goes_on_after_one_that_was_killed_while_it_wrote(ring: Ring) -> None:
    ring.write(0)

    def killed(into: np.ndarray) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ring.writer.write(WIDTH, HEIGHT, FrameInfo(1, 0.0, 0), killed)
    second = ring.new_writer()
    ring.write(2, second)
    assert taken(ring.reader, every=True) == [0, 2]
    second.close()


def test_a_second_reader_goes_on_where_the_first_was(ring: Ring) -> None:
    ring.write(0)
    assert taken(ring.reader, every=True) == [0]
    ring.write(1)
    second = ring.new_reader()
    assert taken(second, every=True) == [1]
    second.close()


def test_both_sides_are_woken(ring: Ring) -> None:
    assert not ring.reader.wait(0)
    ring.write(0)
    assert ring.reader.wait(0)
    ring.reader.silence()
    assert not ring.reader.wait(0)
    ring.writer.silence()
    assert not ring.writer.wait(0)
    ring.reader.take()
    assert ring.writer.wait(0)


def test_a_picture_that_is_too_large_is_refused_and_the_next_one_arrives(ring: Ring) -> None:
    with pytest.raises(FrameTooLargeError):
        ring.writer.write(4096, 4096, FrameInfo(0, 0.0, 0), lambda into: None)
    ring.write(1)
    assert taken(ring.reader, every=True) == [1]


def test_pictures_of_different_sizes_follow_each_other(ring: Ring) -> None:
    ring.write(1)
    ring.writer.write(8, 4, FrameInfo(2, 0.0, 0), lambda into: into.fill(2))
    shapes = []
    while (frame := ring.reader.take(every=True)) is not None:
        shapes.append(frame.picture.shape)
    assert shapes == [(12, 16), (6, 8)]


def test_planes_with_padded_lines_are_copied_without_the_padding() -> None:
    y = np.arange(4 * 16, dtype=np.uint8).reshape(4, 16)[:, :8]
    u, v = np.full((2, 4), 100, np.uint8), np.full((2, 4), 200, np.uint8)
    into = np.zeros((6, 8), np.uint8)
    copy_planes([y, u, v], 8, 4, into)
    assert np.array_equal(into[:4], y)
    assert (into[4] == 100).all()
    assert (into[5] == 200).all()
    again = np.zeros((6, 8), np.uint8)
    copy_planes([into], 8, 4, again)
    assert np.array_equal(again, into)


def test_the_memory_has_no_name() -> None:
    descriptors = RingDescriptors.create()
    try:
        name = str(Path(f"/proc/self/fd/{descriptors.memory}").readlink())
    except OSError:
        pytest.skip("no /proc")
    finally:
        descriptors.close()
    assert "deleted" in name


def test_no_descriptor_is_left_of_a_ring_that_was_closed() -> None:
    descriptors = RingDescriptors.create()
    descriptors.close()
    for number in (descriptors.memory, descriptors.writer_bell, descriptors.reader_bell):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
