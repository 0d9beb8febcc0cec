"""Commands of `nextmove` that have grown past a screen, one module a noun; `config.cli` puts them together."""
