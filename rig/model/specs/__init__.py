"""The specifications of the protocol: a module each, or a package where it is long."""
