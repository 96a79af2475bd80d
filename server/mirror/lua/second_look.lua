-- Before a sweep takes a mitra offline: still stale? Then mark it, so that a ping from now on asks Postgres.
-- KEYS: epoch, heartbeat, leaving. ARGV: epoch, the heartbeat seen stale ('' for none), mark's life in ms
local now_there = redis.call('GET', KEYS[2]) or ''
if now_there ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
return 1
