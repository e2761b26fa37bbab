"""The parts of a message: what it used, which tools it called, which call began a sub-agent."""
