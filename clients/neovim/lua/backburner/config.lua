--- Every option once: type, default, description. The help is generated from this table (`scripts/generate`).

local M = {}

--- @class (exact) backburner.Option
--- @field type string|string[]
--- @field default any
--- @field doc string

--- @class (exact) backburner.Config
--- @field cmd string[]
--- @field ascii boolean
--- @field lens boolean
--- @field signs boolean
--- @field virtual_text boolean
--- @field notify boolean
--- @field settings table<string, any>

--- @type table<string, backburner.Option>
M.schema = {
  cmd = {
    type = 'table',
    default = { 'backburner', 'lsp' },
    doc = 'How to start the server: the program and its arguments.',
  },
  ascii = { type = 'boolean', default = false, doc = 'Use symbols from ASCII only.' },
  lens = { type = 'boolean', default = true, doc = 'Show the line of a task at the end of its line of code.' },
  signs = { type = 'boolean', default = true, doc = 'Show a dim sign where a result waits.' },
  virtual_text = { type = 'boolean', default = false, doc = "Show Backburner's problems as virtual text too." },
  notify = {
    type = 'boolean',
    default = true,
    doc = 'Say once for each cause that stops tasks and needs you. Never for finished tasks.',
  },
  settings = { type = 'table', default = {}, doc = 'Settings of the server, such as `{ diagnostics = "all" }`.' },
}

--- The options in the order in which the help lists them.
M.order = { 'cmd', 'ascii', 'lens', 'signs', 'virtual_text', 'notify', 'settings' }

--- @return backburner.Config
local function defaults()
  local config = {} --- @type table<string, any>
  for name, option in pairs(M.schema) do
    config[name] = vim.deepcopy(option.default)
  end
  return config --[[@as backburner.Config]]
end

--- @type backburner.Config
M.current = defaults()

--- Merge options over the defaults; unknown names and wrong types are said, the rest is used.
--- @param options table<string, any>?
--- @return string[] problems one sentence each
function M.set(options)
  local problems = {} --- @type string[]
  local config = defaults()
  for name, value in pairs(options or {}) do
    local option = M.schema[name]
    if not option then
      problems[#problems + 1] = ('there is no option %q (see :help backburner-options)'):format(name)
    elseif type(value) ~= option.type then
      problems[#problems + 1] = ('option %q wants a %s'):format(name, option.type)
    else
      config[name] = value
    end
  end
  M.current = config
  return problems
end

return M
