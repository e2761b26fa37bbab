"""The ledger's numbers for people and scripts: a question becomes a view, and a view is shown in some form."""
