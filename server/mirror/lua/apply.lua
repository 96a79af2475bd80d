-- Writes one mitra's state, as committed under `version`. Returns '' if applied, or the version in Valkey if that is newer.
-- KEYS: epoch, versions, online, deactivated, capacity, heartbeat, leaving, the running seed
-- ARGV: epoch, id, version, is_online, is_active, load, heartbeat of a toggle ('' for none), now,
-- latest plausible time
local id, version = ARGV[2], tonumber(ARGV[3])
local seed = redis.call('GET', KEYS[8])
local known = tonumber(redis.call('HGET', KEYS[2], id) or 0)
if seed then -- versions that the seed has written count too, before its last step puts them in place
  known = math.max(known, tonumber(redis.call('HGET', 'mirror:seed:' .. seed .. ':versions', id) or 0))
end
if known > version then
  return string.format('%d', known)
end
if ARGV[5] == '1' then
  redis.call('SREM', KEYS[4], id)
else
  redis.call('SADD', KEYS[4], id)
end
if ARGV[4] == '1' then
  local pinged, before = ARGV[7], redis.call('GET', KEYS[6])
  if pinged == '' and (not before or redis.call('SISMEMBER', KEYS[3], id) == 0) then
    pinged = ARGV[8]
  end
  -- A heartbeat that is too far ahead comes from a wrong clock, be it the new one or the stored one.
  if pinged > ARGV[9] then
    pinged = ARGV[8]
  end
  if pinged ~= '' and (not before or #before ~= 24 or before < pinged or before > ARGV[9]) then
    redis.call('SET', KEYS[6], pinged)
  end
  redis.call('SET', KEYS[5], ARGV[6])
  redis.call('SADD', KEYS[3], id)
else
  redis.call('SREM', KEYS[3], id)
  redis.call('DEL', KEYS[6])
  redis.call('DEL', KEYS[5])
end
-- A mark contains the version of the row that its sweep has locked: a newer version shows that this sweep has ended.
local mark = redis.call('GET', KEYS[7])
if mark and (tonumber(string.match(mark, '^%d+')) or 0) < version then
  redis.call('DEL', KEYS[7])
end
redis.call('HSET', KEYS[2], id, ARGV[3])
-- A running seed may have read this mitra before the change.
if seed then
  redis.call('HSET', 'mirror:seed:' .. seed .. ':changes', id, ARGV[3])
  redis.call('EXPIRE', 'mirror:seed:' .. seed .. ':changes', 60)
end
return ''
