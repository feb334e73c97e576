"""The realtime protocol as pure logic: no I/O, no clock, no threads.

``messages`` defines the control channel's messages, ``codec`` reads and writes their JSON frames,
``states`` holds the connection states and their transitions, ``requests`` the queue of prompts and
images, ``machine`` turns events into messages to send, and ``retry`` decides whether and when to
try again. ``rate_limit`` and ``loopback`` are rules that several parts of the package share. Since
nothing here does I/O, every sequence of events can be tested and replayed.
"""
