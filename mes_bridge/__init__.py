"""What the machine did becomes what it means for the job, the die, the shift and the energy."""
