"""From the ledger to the backend: spans until each is accepted, and the current totals."""
