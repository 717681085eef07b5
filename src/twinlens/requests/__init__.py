"""What each command is asked for: the command line, the Python function and the record share it."""
