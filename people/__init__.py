"""Users, teams, skills, working hours, tokens, and who may do what."""
