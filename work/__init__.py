"""Tasks, who holds them, and the only verbs that change either."""
