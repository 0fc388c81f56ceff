"""What folders of YAMLs hold: lists of parts, the package's own parts, and files in no place."""
