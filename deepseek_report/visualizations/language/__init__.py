"""Pictures of what is measured of language models alone."""
