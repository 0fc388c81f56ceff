"""Scores and explains cases as they come, and watches whether they are like the training part."""
