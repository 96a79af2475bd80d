"""The reference server of the mirror contract: chats in Postgres, availability mirrored in Valkey."""
