"""What was made at a press: runs, their segments, dies, coils."""
