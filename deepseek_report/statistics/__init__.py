"""Intervals, resampling and ranking: pure functions of numbers."""
