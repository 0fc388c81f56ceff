"""What is only asked of language models and of what they write."""
