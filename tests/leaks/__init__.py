"""The reference server with slow leaks, one per series of a soak: `rig soak --sut 'python -m tests.leaks NAME...'`.

Each leak grows with the pings. None of them breaks a promise that a short run looks at, so they are not in tests/sabotage.
"""
