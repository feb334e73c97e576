"""Memory that two processes share, without a name in any folder."""

from __future__ import annotations

import os
import secrets


def anonymous_memory(size: int) -> int:
    """Returns a descriptor of shared memory that has no name.

    Args:
        size: In bytes; all of them are 0, and take no memory before they are written.

    Raises:
        OSError: There is no descriptor left, or the system has no such memory.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("decart-frames", os.MFD_CLOEXEC)
    else:
        descriptor = _unlinked_memory()
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _unlinked_memory() -> int:
    """Shared memory on systems without memfd: it has a name for a moment."""
    try:
        import _posixshmem  # type: ignore[import-not-found]
    except ImportError:
        raise OSError("This system has no memory that two processes can share.") from None
    name = f"/decart-{secrets.token_hex(8)}"
    descriptor: int = _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
    _posixshmem.shm_unlink(name)
    return descriptor
