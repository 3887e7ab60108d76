"""Bot wires: settings, the HTTP application, the workers and the command line."""
