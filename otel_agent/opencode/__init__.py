"""Everything that knows OpenCode. Each inner room is one kind of knowledge:

- ``locations``: where the data is, which stores are there now, and which folders to watch;
- ``json_tree`` and ``sqlite``: one room for each kind of storage, which reads a store and yields batches;
- ``decode``, ``tokens``, ``ids`` and ``json_values``: one record of any generation, from JSON to ``model``;
- ``parts``: what the parts of a message say, for every kind of storage;
- ``running``: the OpenCode processes that run now;
- ``configured_models``, ``releases``, ``worktrees``, ``mounts``: what else is to be known.

A new generation of tables is a line in ``sqlite/known_tables.py``. A new kind of storage is a room of its own beside
``sqlite``. It has a class that is a ``model.Store``, a ``parts.reader.PartSource``, and a line in
``locations.find_stores``. Both name themselves in ``model.Generation``. What its messages look like goes into
``decode.py``.
"""
