"""Pictures of a comparison of several runs."""
