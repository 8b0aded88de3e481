-- Mirrors extend of shared/domain/quota-machine.ts. After accounts.lua and reservations.lua.
--
-- KEYS  1 accounts  2 reservations  3 reservation expiry
-- ARGV  1 id  2 reserveUntilMs  3 amount  4 draft
-- Returns 'extended' or 'gone'

local id, until_ms, amount = ARGV[1], ARGV[2], ARGV[3]
local held = reservation_of(id)
if not held then return 'gone' end

-- Texts are compared as numbers and kept as they came.
local growth = tonumber(amount) - tonumber(held[AMOUNT])
if growth > 0 then
  change_reserved(held, growth)
  held[AMOUNT] = amount
end
if tonumber(until_ms) > tonumber(held[EXPIRES_AT]) then held[EXPIRES_AT] = until_ms end

local lines = changed_lines()
redis.call('HSET', reservations, id, table.concat(held, ' ') .. '\n' .. ARGV[4])
redis.call('ZADD', expiry, held[EXPIRES_AT], id)
keep(lines)
return 'extended'
