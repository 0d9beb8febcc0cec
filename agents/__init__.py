"""Programs with a language model, by MCP. Whatever they do is a request to the API with their token: nothing here knows
rights, rows or rules."""
