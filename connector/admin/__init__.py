"""What an administrator asks and does, as one service. The control socket and the command line show its answers."""
