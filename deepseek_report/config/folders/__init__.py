"""What the folders of YAMLs hold: their lists of parts, the package's own parts, misplaced files."""
