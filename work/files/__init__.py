"""Tasks from the rows of files."""
