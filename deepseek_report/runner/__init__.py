"""data -> train -> predict -> explain -> measure -> visualise -> report."""
