"""What callers pass in, checked: keys, prompts, reference images and image files."""
