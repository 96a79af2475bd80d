"""`rig checklist`: the boxes A to K, and the same under each class of faults."""
