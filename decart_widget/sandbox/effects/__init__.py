"""Prompts into pictures: the effects that stand in for models."""
