"""From a config to a report that explains a model and measures its own explanations."""

__version__ = "0.1.0"
