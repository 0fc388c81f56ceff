"""Explanations that a model or a person brings."""
