"""Pictures and videos in and out; faces found, followed and cropped."""
