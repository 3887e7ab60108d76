"""Core decides: what a message means for a thread, who may speak, what must happen next."""
