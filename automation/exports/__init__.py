"""Every list as a file, with the rights and filters of its page."""
