"""One file per picture: each turns stored results into a `Picture`."""
