"""The workloads that come with the benchmark: one file each, loaded by its path, so that any file can be one."""
