#!lua
-- A seed has done all it had to do, or was given up: changes need not be noted for it any more.
-- KEYS: the seed under way. ARGV: nonce
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
