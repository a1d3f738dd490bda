"""The forms that tickets run in, one file each."""
