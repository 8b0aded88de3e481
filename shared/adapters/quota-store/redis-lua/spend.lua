-- Mirrors spend of shared/domain/quota-reports.ts. After accounts.lua. It rolls periods forward as
-- every reader does, so it may write.
--
-- KEYS  1 accounts
-- ARGV  1-3 buckets: day, week, month  4… accounts
-- Returns {line, …}: the text of each account as it is stored

local buckets = { ARGV[1], ARGV[2], ARGV[3] }
local answer = {}
for i = 4, #ARGV do
  answer[#answer + 1] = string.format(LINE, unpack(account_at(ARGV[i], buckets)))
end
keep(changed_lines())
return answer
