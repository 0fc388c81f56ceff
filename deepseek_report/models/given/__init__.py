"""Fitted models and answers that a person gives in Python."""
