"""What a run works in: the test bed with its stack, servers, observers and sign-in."""
