"""twinlens doctor: checks of the machine, of the installation and of folders."""
