#!lua
-- A seed has ended: changes are not recorded for it any more.
-- KEYS: the running seed. ARGV: nonce
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
