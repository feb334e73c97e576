"""What runs on the notebook's thread: the widgets, their traits and their methods."""
