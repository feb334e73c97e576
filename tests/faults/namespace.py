"""A separate network for one test: a Linux network namespace without a connection to the outside.

Whatever this thread opens and starts inside (threads, processes, their sockets) is in it: service,
JupyterLab and Chromium use its `lo`, which can lose packets, delay them, or be switched off.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

CLONE_NEWNET: Final = 0x40000000


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def enter(file: int) -> None:
    """Moves this thread, and what it starts from then on, into a namespace.

    Args:
        file: Descriptor of the namespace.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@dataclass(frozen=True)
class Network:
    """A namespace that is up; its faults stay until it is deleted, `down` until `up`."""

    name: str

    def down(self) -> None:
        """Switches `lo` off: no packet arrives."""
        run("ip", "-n", self.name, "link", "set", "lo", "down")

    def up(self) -> None:
        """Switches `lo` on again."""
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    def lose(self, percent: int) -> None:
        """Drops this share of packets; skips the test where neither netem nor nftables works."""
        try:
            self._netem("loss", f"{percent}%")
        except RuntimeError as no_netem:
            self._filter(f"numgen random mod 100 < {percent} drop", no_netem)

    def delay(self, round_trip_ms: int) -> None:
        """Delays every packet; skips the test where the kernel has no netem."""
        try:
            self._netem("delay", f"{round_trip_ms // 2}ms")
        except RuntimeError as no_netem:
            pytest.skip(f"this machine can't delay packets: {no_netem}")

    def _netem(self, *fault: str) -> None:
        if shutil.which("tc") is None:
            raise RuntimeError("there is no tc")
        run("tc", "-n", self.name, "qdisc", "add", "dev", "lo", "root", "netem", *fault)

    def _filter(self, rule: str, no_netem: RuntimeError) -> None:
        inside = ("ip", "netns", "exec", self.name, "nft")
        # Arriving packets: one that is dropped on its way out is an error (EPERM) of its sender.
        hook = "{ type filter hook input priority 0 ; }"
        try:
            if shutil.which("nft") is None:
                raise RuntimeError("there is no nft")
            run(*inside, "add table inet faults")
            run(*inside, f"add chain inet faults in {hook}")
            run(*inside, f"add rule inet faults in {rule}")
        except RuntimeError as no_nftables:
            pytest.skip(f"this machine can't lose packets: {no_netem}; {no_nftables}")


@contextmanager
def network() -> Iterator[Network]:
    """Makes a namespace and enters it; deletes it on leaving.

    Skips the test where that isn't possible.

    Yields:
        The namespace.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux, root and iproute2")
    made = Network(f"decart-widget-{secrets.token_hex(4)}")
    try:
        run("ip", "netns", "add", made.name)
    except RuntimeError as refused:
        pytest.skip(f"this machine makes no network namespaces: {refused}")
    try:
        made.up()
        # Browsers gather no ICE candidate on `lo` alone; an interface that leads nowhere is enough.
        run("ip", "-n", made.name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        run("ip", "-n", made.name, "address", "add", "192.0.2.2/24", "dev", "veth0")
        for device in ("veth0", "veth1"):
            run("ip", "-n", made.name, "link", "set", device, "up")
        run("ip", "-n", made.name, "route", "add", "default", "dev", "veth0")
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(Path("/run/netns") / made.name, os.O_RDONLY)
        try:
            enter(inside)
            yield made
        finally:
            enter(outside)
            os.close(inside)
            os.close(outside)
    finally:
        run("ip", "netns", "delete", made.name)
