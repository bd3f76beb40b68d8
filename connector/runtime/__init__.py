"""What any asynchronous server needs: supervised tasks, deadlines, step boundaries, signals, open files."""
