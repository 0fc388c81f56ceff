"""Where a model fails: slices, parts of the data, disturbed inputs, labels."""
