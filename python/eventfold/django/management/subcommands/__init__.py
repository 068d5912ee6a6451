"""The subcommands of `manage.py events`, one module each: HELP, add_arguments(parser), handle(command, options)."""
