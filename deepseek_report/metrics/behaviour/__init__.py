"""Whether the model behaves as people who know the field expect, and what they should be asked."""
