"""`python -m connector` is the command `connector`."""

from connector.cli.main import main

main()
