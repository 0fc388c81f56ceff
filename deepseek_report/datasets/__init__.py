"""One file per source or kind of data: each gives a `Dataset`."""
