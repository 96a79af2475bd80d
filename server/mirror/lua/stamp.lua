-- Any ISO-8601 time in UTC as `YYYY-MM-DDTHH:MM:SS.mmmZ`, whose text order is time order; nil for anything else.
local function parsed(text)
  local year, month, day, hour, minute, second, rest =
    string.match(text, '^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.+)$')
  if not year or hour > '23' or minute > '59' or second > '59' or month < '01' or month > '12' or day < '01' then
    return nil
  end
  if day > '28' then
    local y, days = tonumber(year), { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
    local leap = month == '02' and y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
    if tonumber(day) > days[tonumber(month)] + (leap and 1 or 0) then return nil end
  end
  local fraction, zone = string.match(rest, '^%.(%d+)(.+)$')
  zone = zone or rest
  if zone ~= 'Z' and not string.match(zone, '^[+-]00:?00$') or #(fraction or '') > 9 then return nil end
  return string.sub(text, 1, 19) .. '.' .. string.sub((fraction or '') .. '000', 1, 3) .. 'Z'
end

-- The same, faster: nearly all times have that format already and lie within few minutes, so each minute is checked once.
local minutes = {}
local function normal(text)
  if not string.find(text, '^[0-5]%d%.%d%d%dZ$', 18) then
    return parsed(text)
  end
  local minute = string.sub(text, 1, 17)
  if minutes[minute] == nil then minutes[minute] = parsed(minute .. '00Z') ~= nil end
  return minutes[minute] and text or nil
end
