--- API keys: kept in the memory of this Neovim, handed over in the environment of the server's process and in no other way.

local tell = require('backburner.tell')

local M = {}

local keys = {} --- @type table<string, string> by variable

--- Start something that inherits the keys in its environment. Not by `cmd_env`: that one Neovim writes into its log.
--- @param start fun()
function M.handing_over(start)
  local before = {} --- @type table<string, string?>
  for variable, key in pairs(keys) do
    before[variable], vim.env[variable] = vim.env[variable], key
  end
  local ok, problem = pcall(start)
  for variable in pairs(keys) do
    vim.env[variable] = before[variable]
  end
  if not ok then
    error(problem, 0)
  end
end

--- Ask for a key, unseen, and start the server again with it. Nothing happens when it is left.
--- @param variable string which is to hold it
function M.ask(variable)
  if not variable:match('^[%u_][%u%d_]*$') then
    tell.warn(('%s is no name of a variable that holds a key.'):format(variable))
    return
  end
  if vim.fn.reg_recording() ~= '' then
    tell.warn('a macro is being recorded; the key would be in it.')
    return
  end
  local ok, typed = pcall(vim.fn.inputsecret, ('%s (kept in memory only): '):format(variable))
  vim.cmd.redraw()
  local key = ok and vim.trim(typed) or ''
  if key == '' then
    return
  end
  if key:match('%s') then
    tell.warn('a key has no spaces.')
    return
  end
  keys[variable] = key
  require('backburner.client').restart()
  tell.info(('the server gets %s, as long as this Neovim runs.'):format(variable))
end

return M
