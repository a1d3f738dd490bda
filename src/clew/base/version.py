"""The version of Clew, for what is kept and shown."""

VERSION = "0.1.0"
