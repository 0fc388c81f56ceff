"""How the pieces of work of a plan come to processes, a module for each way."""
