"""What `collector/` holds, run by the programs it is for."""
