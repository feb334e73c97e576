"""aiortc and aioice made fit for live video, and what rooms with the package livekit need too.

Every access to private names of the first two is in this package, guarded by `optional_patch`
and covered by a test that fails when a new release moves the name.
"""
