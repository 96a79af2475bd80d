#!lua
-- A seed begins, before it reads Postgres: from here on what changes is noted for it, as it may have read too early.
-- KEYS: epoch, versions, whose versions they are, synthetic, seeds under way, this seed's count of steps
-- ARGV: nonce, `|postgres|` of the epoch whose versions count, life of what a seed leaves behind, in s
local function kind(key) return redis.call('TYPE', key).ok end
local function unless(wanted, key)
  if kind(key) ~= wanted then redis.call('DEL', key) end
end
unless('hash', KEYS[2])
unless('string', KEYS[3])
unless('hash', KEYS[4])
unless('set', KEYS[5])
local epoch = kind(KEYS[1]) == 'string' and redis.call('GET', KEYS[1])
if redis.call('GET', KEYS[3]) ~= ARGV[2] or (epoch and not string.find(epoch, ARGV[2], 1, true)) then
  redis.call('UNLINK', KEYS[2])
  redis.call('SET', KEYS[3], ARGV[2])
end
redis.call('SADD', KEYS[5], ARGV[1])
redis.call('SET', KEYS[6], 0, 'EX', ARGV[3])
return 1
