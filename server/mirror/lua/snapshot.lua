-- The beacon's answer: the cached one, or one recompute for the whole cluster. As it is one script, two recomputes cannot
-- race, and none can store a result that was invalidated meanwhile.
-- Returns the JSON, or a list of ids whose capacity key is missing: ask Postgres and call again with their loads.
-- For a large fleet the script would delay every ping. Then it gives a lease to one instance, which counts page by page (1);
-- the others wait (0).
-- KEYS: epoch, snapshot, online, deactivated, lease. ARGV: epoch, oldest fresh heartbeat, maximum, ttl, {id: load} as JSON,
-- '1' for a large fleet, nonce of the caller, life of a lease in ms
local cached = redis.call('TYPE', KEYS[2]).ok == 'string' and redis.call('GET', KEYS[2])
if cached then
  return cached
end
if ARGV[6] == '1' then
  return redis.call('SET', KEYS[5], ARGV[7], 'NX', 'PX', ARGV[8]) and 1 or 0
end
if redis.call('EXISTS', KEYS[5]) == 1 then
  return 0 -- an instance that counts page by page has the lease
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
