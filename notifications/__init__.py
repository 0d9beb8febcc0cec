"""What people are told: one row each, exactly once."""
