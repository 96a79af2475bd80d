-- The beacon's answer: what is cached, or one recompute for the whole cluster. Being one script, no two can race
-- and none can fill in a result that an invalidation has overtaken.
-- Returns the JSON, or a list of ids whose capacity key is missing: ask Postgres and call again with their loads.
-- KEYS: epoch, snapshot, online, deactivated. ARGV: epoch, oldest fresh heartbeat, maximum, ttl, {id: load} as JSON
local cached = redis.call('TYPE', KEYS[2]).ok == 'string' and redis.call('GET', KEYS[2])
if cached then
  return cached
end
local function normal(text)
  local base, fraction, zone = string.match(text, '^(%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d)%.?(%d*)(.*)$')
  if not base or not (zone == 'Z' or string.match(zone, '^[+-]00:?00$')) then
    return nil
  end
  return base .. '.' .. string.sub(fraction .. '000', 1, 3) .. 'Z'
end
local loads, missing, count = cjson.decode(ARGV[5]), {}, 0
for _, id in ipairs(redis.call('SDIFF', KEYS[3], KEYS[4])) do
  local pinged = redis.call('GET', 'mitra:heartbeat:' .. id)
  pinged = pinged and normal(pinged)
  if pinged and pinged >= ARGV[2] then
    local load = tonumber(redis.call('GET', 'mitra:capacity:' .. id) or loads[id])
    if not load then
      missing[#missing + 1] = id
    elseif load < tonumber(ARGV[3]) then
      count = count + 1
    end
  end
end
if #missing > 0 then
  return missing
end
local answer = cjson.encode({ available = count > 0, count = count })
redis.call('SET', KEYS[2], answer, 'EX', ARGV[4])
return answer
