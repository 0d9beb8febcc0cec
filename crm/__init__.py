"""Contacts and the ledger of what happened to them."""
