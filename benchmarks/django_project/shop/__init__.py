"""The app whose writes are tracked: ten columns beside the key."""
