"""From what was read to a `Dataset`: columns, targets, attributes, encodings."""
