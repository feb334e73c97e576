"""The engine without a browser: a worker process that sends and receives the frames."""
