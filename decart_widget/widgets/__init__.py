"""The widgets: what runs on the notebook's thread."""
