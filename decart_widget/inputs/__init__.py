"""What callers hand in, checked: prompts, reference images, image files."""
