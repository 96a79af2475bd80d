"""What an audit concludes from looks at both stores: pure functions."""
