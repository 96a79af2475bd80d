"""`rig prove`: servers with one defect each."""
