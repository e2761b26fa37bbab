"""How long the main job takes and how much memory it needs, beside a peer in the same run."""
