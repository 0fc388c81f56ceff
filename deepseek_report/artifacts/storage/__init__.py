"""Reading and writing of files: the same content gives the same bytes, and nothing runs."""
