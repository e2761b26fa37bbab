"""Real OpenCode releases beside the resident agent, compared with the provider's bill call by call: `make opencode-matrix`.

`scenario` drives one release. `recorded` reads what OpenCode recorded, `seen` what the agent made of it, and `compare`
names each difference. `report` keeps the table in `docs/opencode-matrix.md`.
"""
