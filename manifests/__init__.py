"""What other programs are told of Threadline: manifests, a lock file."""
