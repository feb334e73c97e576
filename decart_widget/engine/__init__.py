"""The engine without a browser: a worker process that sends frames of a source and receives them."""
