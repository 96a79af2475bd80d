#!lua
-- A seed begins, before it reads Postgres: from here on changes are recorded for it, as its read may be older. A running
-- older seed fails at its next step. Returns 1 if the epoch is valid, so that the seed does not end an outage.
-- KEYS: epoch, versions, whose versions they are, synthetic, the running seed, this seed's count of steps
-- ARGV: nonce, `run_id|postgres|` of a valid epoch, `|postgres|`, TTL of temporary keys in s
local function kind(key) return redis.call('TYPE', key).ok end
local function unless(wanted, key)
  if kind(key) ~= wanted then redis.call('DEL', key) end
end
unless('hash', KEYS[2])
unless('string', KEYS[3])
unless('hash', KEYS[4])
unless('string', KEYS[5])
local epoch = kind(KEYS[1]) == 'string' and redis.call('GET', KEYS[1])
if redis.call('GET', KEYS[3]) ~= ARGV[3] or (epoch and not string.find(epoch, ARGV[3], 1, true)) then
  redis.call('UNLINK', KEYS[2])
  redis.call('SET', KEYS[3], ARGV[3])
end
redis.call('SET', KEYS[5], ARGV[1], 'EX', ARGV[4])
redis.call('SET', KEYS[6], 0, 'EX', ARGV[4])
return epoch and string.sub(epoch, 1, #ARGV[2]) == ARGV[2] and 1 or 0
