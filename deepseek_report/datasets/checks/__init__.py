"""What is wrong with data, or may be: one module a family of issues."""
