"""Who gets which task, with the reasons."""
