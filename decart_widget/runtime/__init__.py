"""One widget on the background loop: its session, its prompts, its traits."""
