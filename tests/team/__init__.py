"""The configurations of `collector/`, run by the programs that they are for."""
