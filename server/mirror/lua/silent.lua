-- A page of the online mitras: those with a stale heartbeat, with that heartbeat ('' for none).
-- KEYS: epoch, online. ARGV: epoch, oldest fresh heartbeat, cursor, page size
local page = redis.call('SSCAN', KEYS[2], ARGV[3], 'COUNT', ARGV[4])
local silent = {}
for first = 1, #page[2], 1000 do
  local beats = {}
  for index = first, math.min(first + 999, #page[2]) do beats[#beats + 1] = 'mitra:heartbeat:' .. page[2][index] end
  for index, text in ipairs(redis.call('MGET', unpack(beats))) do
    local at = text and normal(text)
    if not at or at < ARGV[2] then
      silent[#silent + 1] = page[2][first + index - 1]
      silent[#silent + 1] = text or ''
    end
  end
end
return { page[1], silent }
