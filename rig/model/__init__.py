"""Specifications of the mirror's protocol, and the checker that explores every state of them within bounds."""
