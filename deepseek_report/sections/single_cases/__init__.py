"""What the pages of single cases say."""
