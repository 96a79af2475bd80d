-- Before a sweep takes a mitra offline: if still stale and unchanged, set the mark. From then on a ping asks Postgres.
-- Returns 'marked', 'pinged' or 'changed'.
-- KEYS: epoch, heartbeat, leaving, versions
-- ARGV: epoch, id, the stale heartbeat that was read ('' for none), version of the locked row, mark, its life in ms
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then
  return 'pinged'
end
if tonumber(redis.call('HGET', KEYS[4], ARGV[2]) or 0) ~= tonumber(ARGV[4]) then
  return 'changed'
end
redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6])
return 'marked'
