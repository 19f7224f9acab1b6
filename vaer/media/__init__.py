STILL_ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".webp")
"""Of still images, each of which is a clip of one frame."""
