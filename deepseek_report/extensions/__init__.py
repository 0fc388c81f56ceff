"""Features that the core does without: each folder holds one, whole; see README.md."""
