"""A model of the service: what docs/contract.md says, as plain Python without input or output.

`state` holds the people, chats and settings; each module of actions predicts the answer to one request and makes the change
that follows. Whoever drives a server compares its answers, rows and keys with these.
"""
