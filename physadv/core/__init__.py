"""What every room stands on: errors, registries, configuration, files, color. Knows nothing of signs or attacks."""
