-- Put before every script that touches accounts. Mirrors shared/domain/quota-state.ts: accountAt,
-- changeReserved, chargePending.
--
-- KEYS[1]  hash: account → one line of text, numbers in micro-USD:
--          day week month  ledgered pending (day, week, month)  reserved sequence
--
-- An account is a table of these eleven fields in this order. Amounts are exact to 2^53 as Lua
-- numbers; they become text by %d alone, since Lua would write 9e14 as "9e+14".

local accounts = KEYS[1]
local RESERVED, SEQUENCE = 10, 11
local LINE = '%s %s %s %d %d %d %d %d %d %d %d'
local FIELDS = '([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) '
  .. '([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)'
local INTEGER_MAX = 9007199254740991

local loaded, changed = {}, {}

-- Where a period (1 day, 2 week, 3 month) has its counters.
local function ledgered_at(period) return 2 * period + 2 end
local function pending_at(period) return 2 * period + 3 end

-- The words of the first line of a text: of a reservation or an entry of the outbox.
local function words_of(text)
  local words = {}
  for word in string.gmatch(string.match(text, '^[^\n]*'), '[^ ]+') do words[#words + 1] = word end
  return words
end

-- The account as it is, or nil.
local function known_account(name)
  local account = loaded[name]
  if account then return account end
  local line = redis.call('HGET', accounts, name)
  if not line then return nil end
  account = { string.match(line, FIELDS) }
  for field = 4, 11 do account[field] = tonumber(account[field]) end
  loaded[name] = account
  return account
end

-- The account, made where it is new, with its periods rolled forward to the buckets, never back.
local function account_at(name, buckets)
  local account = known_account(name)
  if not account then
    account = { buckets[1], buckets[2], buckets[3], 0, 0, 0, 0, 0, 0, 0, 0 }
    loaded[name], changed[name] = account, true
    return account
  end
  for period = 1, 3 do
    -- Names of one period have one width, so they sort as their times do in any locale.
    if buckets[period] > account[period] then
      account[period] = buckets[period]
      account[ledgered_at(period)], account[pending_at(period)] = 0, 0
      changed[name] = true
    end
  end
  return account
end

-- Arguments of the HSET that keeps what changed. Called before the first write of a script: an
-- amount that cannot be kept exactly must not leave it half done.
local function changed_lines()
  local lines = {}
  for name in pairs(changed) do
    local account = loaded[name]
    for field = 4, 11 do
      if account[field] > INTEGER_MAX or account[field] < -INTEGER_MAX then
        error('an amount of ' .. name .. ' is beyond 2^53')
      end
    end
    lines[#lines + 1] = name
    lines[#lines + 1] = string.format(LINE, unpack(account))
  end
  return lines
end

local function keep(lines)
  if #lines > 0 then redis.call('HSET', accounts, unpack(lines)) end
end
