"""An app from before events, whose rows get first ones."""
