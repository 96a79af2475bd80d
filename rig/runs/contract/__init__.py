"""`rig contract`: any server held against docs/contract.md, sentence by sentence."""
