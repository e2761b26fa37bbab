"""All that knows OpenCode: where its storage is, its generations, and how a record of each is read."""
