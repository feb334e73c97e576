"""The realtime protocol without a socket, a clock or a browser.

``messages`` gives the frames types, ``states`` is the table of the seven connection states,
``machine`` turns what happens into what must be sent, ``retry`` says whether to try again and
when. Nothing here does I/O, so all of it can be tested and replayed in any order.
"""
