"""The networks that come with Clew."""
