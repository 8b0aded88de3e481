-- Put after accounts.lua, before every script that touches reservations.
--
-- KEYS[2]  hash: id → amount expiresAtMs account…, a line break, the draft
-- KEYS[3]  sorted set: id by expiresAtMs

local reservations, expiry = KEYS[2], KEYS[3]
local AMOUNT, EXPIRES_AT, FIRST_ACCOUNT = 1, 2, 3

-- The words of a reservation's first line, or false.
local function reservation_of(id)
  local text = redis.call('HGET', reservations, id)
  return text and words_of(text)
end

local function change_reserved(words, change)
  for i = FIRST_ACCOUNT, #words do
    local account = known_account(words[i])
    if account then
      account[RESERVED] = account[RESERVED] + change
      changed[words[i]] = true
    end
  end
end

local function drop_reservation(id)
  redis.call('HDEL', reservations, id)
  redis.call('ZREM', expiry, id)
end
