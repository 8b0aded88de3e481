-- Mirrors release of shared/domain/quota-machine.ts. After accounts.lua and reservations.lua.
--
-- KEYS  1 accounts  2 reservations  3 reservation expiry
-- ARGV  1 id
-- Returns 1 when a reservation was dropped, 0 when there was none

local id = ARGV[1]
local held = reservation_of(id)
if not held then return 0 end
change_reserved(held, -tonumber(held[AMOUNT]))
local lines = changed_lines()
-- First what Redis allows when it is full: what follows is then allowed as well.
drop_reservation(id)
keep(lines)
return 1
