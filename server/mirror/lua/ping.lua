-- A ping: guard, membership, one SET. Returns 'inactive', 'offline', 'leaving' or 'online'.
-- KEYS: epoch, deactivated, online, heartbeat, leaving. ARGV: epoch, id, now, latest time still believed
if redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then
  return 'inactive'
end
if redis.call('SISMEMBER', KEYS[3], ARGV[2]) == 0 then
  return 'offline'
end
if redis.call('EXISTS', KEYS[5]) == 1 then
  return 'leaving'
end
local before = redis.call('GET', KEYS[4])
-- A heartbeat never goes back, unless what stands there is no time or lies too far ahead.
if not before or #before ~= 24 or before <= ARGV[3] or before > ARGV[4] then
  redis.call('SET', KEYS[4], ARGV[3])
end
return 'online'
