"""What callers pass in, checked: prompts, reference images and image files."""
