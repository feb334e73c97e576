"""Many prompts on one still, before a sweep."""
