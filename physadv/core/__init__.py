"""What every room stands on: errors, registries, configuration, files, colour. Knows nothing of signs or attacks."""
