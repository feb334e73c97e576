"""The kernel's side of the messages between kernel and page."""
