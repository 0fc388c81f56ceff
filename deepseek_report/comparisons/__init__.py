"""Several runs read together: what differs, by how much, and whether it is more than chance."""
