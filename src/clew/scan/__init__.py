"""Files in, findings out: who is in a picture or video, how likely each is a fake, and how sure that is."""
