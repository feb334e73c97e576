"""What a sweep covers: its axes, its clip, its sessions and what they take; nothing runs here."""
