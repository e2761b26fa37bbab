"""Programs, people and questions that the tests of the team side share."""
