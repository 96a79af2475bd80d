-- The pings of one batch. For each: guard, membership, one SET. Returns one line per ping, in order: 'inactive', 'offline',
-- 'leaving' and the mark, 'online', or '-' and the error of this ping.
-- KEYS: epoch, deactivated, online
-- ARGV: epoch, now, latest plausible time, mark of a sweep that has ended ('' for none), then the ids
local function ping(id)
  if redis.call('SISMEMBER', KEYS[2], id) == 1 then
    return 'inactive'
  end
  if redis.call('SISMEMBER', KEYS[3], id) == 0 then
    return 'offline'
  end
  local mark = 'mirror:leaving:' .. id
  local stands = redis.call('GET', mark)
  if stands and stands == ARGV[4] then
    redis.call('DEL', mark)
  elseif stands then
    return 'leaving ' .. stands
  end
  local heartbeat = 'mitra:heartbeat:' .. id
  local before = redis.call('GET', heartbeat)
  -- A heartbeat never becomes older, unless the stored one is no time or too far ahead.
  if not before or #before ~= 24 or before <= ARGV[2] or before > ARGV[3] then
    redis.call('SET', heartbeat, ARGV[2])
  end
  return 'online'
end
local answers = {}
for i = 5, #ARGV do
  local done, answer = pcall(ping, ARGV[i])
  answers[i - 4] = done and answer or '-' .. (type(answer) == 'table' and answer.err or tostring(answer))
end
return table.concat(answers, '\n')
