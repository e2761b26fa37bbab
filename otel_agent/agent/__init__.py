"""The resident agent: how it is built, when it reads and exports, what it logs, and how it stops or reloads."""
