-- Mirrors apply of shared/domain/quota-machine.ts. After accounts.lua. The entry in the outbox is
-- what makes it idempotent. At most 100 ids: Redis serves nobody else meanwhile.
--
-- KEYS  1 accounts  2 outbox  3 outbox time
-- ARGV  1 how many of the ids are counted, the first ones; the others are only no longer pending
--       2… ids
-- Returns how many entries were found

local outbox, outbox_time = KEYS[2], KEYS[3]
local counted_end = 1 + tonumber(ARGV[1])
local found, seen = {}, {}

for i = 2, #ARGV do
  local id = ARGV[i]
  local text = not seen[id] and redis.call('HGET', outbox, id)
  if text then
    seen[id], found[#found + 1] = true, id
    -- amount chargedAtMs settledAtMs day week month account…
    local words = words_of(text)
    local amount, buckets = tonumber(words[1]), { words[4], words[5], words[6] }
    for w = 7, #words do
      local account = account_at(words[w], buckets)
      account[SEQUENCE] = account[SEQUENCE] + 1
      changed[words[w]] = true
      for period = 1, 3 do
        if account[period] == buckets[period] then
          local pending, ledgered = pending_at(period), ledgered_at(period)
          account[pending] = account[pending] - amount
          if i <= counted_end then account[ledgered] = account[ledgered] + amount end
        end
      end
    end
  end
end

if #found > 0 then
  local lines = changed_lines()
  -- First what Redis allows when it is full: applying is what makes room again.
  redis.call('HDEL', outbox, unpack(found))
  redis.call('ZREM', outbox_time, unpack(found))
  keep(lines)
end
return #found
