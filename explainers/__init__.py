"""What a bundle says, without torch and without HTTP."""
