"""What is written row by row: folds that own whole chunks."""
