"""The sections of a comparison of several runs."""
