"""The server under test: started by the rig, or attached to."""
