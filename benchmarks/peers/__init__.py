"""What Django apps keep a history with instead, each in a process of its own."""
