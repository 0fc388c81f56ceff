"""Runs the stages of a plan in worker processes."""
