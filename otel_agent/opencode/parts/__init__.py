"""The parts of a message: what it used, which tools it called, and which call began a sub-agent.

Parts hold whole prompts and outputs, in stores of tens of gigabytes. So they are read by their message's id only, once,
and only for messages that are new. ``part`` builds one without its contents, ``reader`` asks the questions,
and each storage format brings a ``PartSource``.
"""
