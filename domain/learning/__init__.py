"""What is learned from what happened: best times, delays put to the test, lead scores, and estimates set right.

Every decision here is a function of its arguments: rows, ages and instants come in, values with their reasons go out.
numpy is loaded by whoever imports a module of this folder, so those who only show figures read the stored ones.
"""
