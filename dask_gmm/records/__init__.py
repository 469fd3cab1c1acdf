"""What is kept: model files and run folders; no pickle."""
