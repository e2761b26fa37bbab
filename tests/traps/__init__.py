"""One test for each way a total goes wrong: a made store, a run of the agent, and what arrived at a backend."""
