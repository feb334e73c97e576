"""One widget on the background event loop."""
