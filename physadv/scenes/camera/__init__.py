"""The camera that all scenes share: geometry, light, lens, sensor, and sampling without aliasing."""
