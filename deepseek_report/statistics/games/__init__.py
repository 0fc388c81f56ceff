"""Cooperative games of features: exact values of trees, which also stand for other models."""
