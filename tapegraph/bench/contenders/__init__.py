"""What a worker needs to know of each framework; one file each, loaded by its path, importing that framework alone."""
