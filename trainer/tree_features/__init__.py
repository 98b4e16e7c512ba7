"""What a tree splits on where the inputs themselves say too little to a reader."""
