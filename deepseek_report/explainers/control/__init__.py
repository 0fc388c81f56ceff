"""Explanations that know nothing of the model: what others must beat."""
