"""Which stages a run consists of, what they cost, and what they need."""
