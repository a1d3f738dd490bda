"""The service: uploads in, findings out over HTTP, so that no upload can hurt it."""
