"""The effects that the sandbox has in place of models, and how prompts select them."""
