-- Who is online and not deactivated, a line each: one text of many ids is read in a fraction of the time of many texts.
-- KEYS: epoch, online, deactivated. ARGV: epoch
return table.concat(redis.call('SDIFF', KEYS[2], KEYS[3]), '\n')
