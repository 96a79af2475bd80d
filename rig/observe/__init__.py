"""What the rig sees without asking the server: its log, Postgres' statements, Valkey's commands, rows and keys."""
