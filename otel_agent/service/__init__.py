"""Starting the agent at login and keeping it running: by systemd, by launchd, or, elsewhere, how to do it by hand."""
