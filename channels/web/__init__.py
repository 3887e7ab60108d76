"""The built-in web chat for customers, and the web desk for operators."""
