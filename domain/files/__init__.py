"""Files of rows: CSV, XLSX and vCard to rows of text with their line numbers, and rows to CSV, XLSX and JSON.

Bytes in, values out. What a file may hold is bounded, and whatever is wrong with it is said with what to do.
"""
