"""What is learned from what happened: best times, lead scores, estimates. Others read the columns that it writes."""
