"""A study of a person's own, written into an empty folder."""
