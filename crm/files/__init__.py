"""Rows of files brought into a team: uploaded, compared, carried out in the background, safe to do again."""
