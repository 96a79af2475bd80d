#!lua
-- Every script begins with this: KEYS[1] is the epoch, ARGV[1] the `run_id|postgres|` it must begin with.
-- The first line has no flags, so a script that may write is refused as a whole under OOM, MISCONF and READONLY.
local epoch = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1])
if not epoch or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then
  return redis.error_reply('NOEPOCH the mirror has no valid epoch')
end
