"""aiortc and aioice made fit for live video.

Every access to private names of the two libraries is in this package, guarded by `optional_patch`
and covered by a test that fails when a new release moves the name.
"""
