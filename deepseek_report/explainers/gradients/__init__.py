"""Gradients of an answer by its input."""
