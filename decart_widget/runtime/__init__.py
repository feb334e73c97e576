"""Runs one widget on the background loop: its sessions, prompts and trait values."""
