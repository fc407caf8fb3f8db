-- wrk: pauses and resumes machines, one after the other through the fleet, at a steady pace.
-- arguments: machines, changes a second
local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds, nanoseconds; } clock_value;
int clock_gettime(int, clock_value *);
]]
local value = ffi.new("clock_value")
local function now()
    ffi.C.clock_gettime(1, value)
    return tonumber(value.seconds) * 1000 + tonumber(value.nanoseconds) / 1e6
end

local count, machines, pace, next_at = 0, 0, 0, 0

function init(arguments)
    machines, pace, next_at = tonumber(arguments[1]), 1000 / tonumber(arguments[2]), now()
end

-- milliseconds until the next change is due, over all connections
function delay()
    local wait = next_at - now()
    next_at = next_at + pace
    return math.max(0, wait)
end

function request()
    local action = math.floor(count / machines) % 2 == 0 and "pause" or "resume"
    local path = string.format("/v1/vms/bench-%05d/%s", count % machines, action)
    count = count + 1
    return wrk.format("POST", path)
end

function done(summary)
    io.write(string.format("CHANGES %d ERRORS %d SECONDS %.3f\n", summary.requests,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        summary.duration / 1e6))
end
