-- Lookups for wrk: the requests of a file, one path a line, over and over.
--   wrk ... -s lookups.lua http://HOST:PORT -- FILE
local requests = {}
local position = 0

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end
