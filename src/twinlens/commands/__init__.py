"""The commands: thin, each importing what it needs, so that --help is quick."""
