-- A page of the online mitras: ids and heartbeats, one per line, without heartbeats that a seed wrote as grace.
-- KEYS: epoch, online, synthetic. ARGV: epoch, cursor, page size
local page = redis.call('SSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
local lines = {}
for first = 1, #page[2], 1000 do
  local ids, beats = {}, {}
  for index = first, math.min(first + 999, #page[2]) do
    ids[#ids + 1] = page[2][index]
    beats[#beats + 1] = 'mitra:heartbeat:' .. page[2][index]
  end
  local grace = redis.call('HMGET', KEYS[3], unpack(ids))
  for index, text in ipairs(redis.call('MGET', unpack(beats))) do
    local at = text and text ~= grace[index] and normal(text)
    if at then
      lines[#lines + 1] = ids[index]
      lines[#lines + 1] = at
    end
  end
end
return { page[1], table.concat(lines, '\n') }
