"""The kernel's side of the messages between kernel and pages, and what they are about."""
