"""From where to where the arrows of steps go that many specifications have."""

from rig.model.language import Lane

INSTANCE, VALKEY, POSTGRES, MITRA, OPERATOR = Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES, Lane.MITRA, Lane.OPERATOR
TO_VALKEY = (INSTANCE, VALKEY)
TO_POSTGRES = (INSTANCE, POSTGRES)
FROM_POSTGRES = (POSTGRES, INSTANCE)
FROM_MITRA = (MITRA, INSTANCE)
BY_HAND = (OPERATOR, POSTGRES)
