"""What `sweep` and `cut_off` share: Postgres, Valkey and the instances as one state, the scripts, the locks, and the seed."""
