-- A sweep that has been rolled back takes its own mark away.
-- KEYS: epoch, leaving. ARGV: epoch, mark
if redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
return 1
