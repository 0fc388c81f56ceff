"""Files of data, read within limits: what a table, an image or a text in them is."""
