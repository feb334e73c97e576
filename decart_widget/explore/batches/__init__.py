"""Cells through the batch endpoint."""
