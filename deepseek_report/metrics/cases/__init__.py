"""Single cases: which are shown, what would change them."""
