"""What the ledger knows, for a person or a script: a question becomes a view, and a view is shown in some form."""
