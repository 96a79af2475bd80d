"""`rig cutover`: rehearsals of the move of the mirror from one store to another."""
