--- The status of the queue: data first, a string second, and an event. An unchanged status fires nothing.

local M = {}

--- @class (exact) backburner.Status
--- @field running integer
--- @field ready integer
--- @field asking integer
--- @field waiting integer
--- @field failed integer
--- @field unread integer
--- @field spentUsd number
--- @field tooltip string
--- @field text string
--- @field causes string[]
--- @field revision integer

--- @type backburner.Status
local EMPTY = {
  running = 0,
  ready = 0,
  asking = 0,
  waiting = 0,
  failed = 0,
  unread = 0,
  spentUsd = 0,
  tooltip = '',
  text = '',
  causes = {},
  revision = 0,
}

local current = EMPTY
local said = {} --- @type table<string, boolean>

--- @return backburner.Status
function M.get()
  return vim.deepcopy(current)
end

--- @return string
function M.text()
  return current.text
end

--- @param causes string[]
local function say(causes)
  local standing = {} --- @type table<string, boolean>
  for _, cause in ipairs(causes) do
    -- How many tasks it stops may grow; that is not said again.
    local kind = cause:gsub('^%d+ tasks? ', '')
    standing[kind] = true
    if not said[kind] and require('backburner.config').current.notify then
      vim.notify('backburner: ' .. cause, vim.log.levels.WARN)
    end
  end
  -- A cause that went away and came back is said again.
  said = standing
end

--- @param name string
--- @param data table
local function event(name, data)
  vim.api.nvim_exec_autocmds('User', { pattern = name, modeline = false, data = data })
end

--- Take over what the server told.
--- @param status table
function M.update(status)
  local new = vim.tbl_extend('force', EMPTY, status)
  if vim.deep_equal(new, current) then
    return
  end
  local old = current
  current = new
  vim.g.backburner_status = new.text
  vim.g.backburner_status_dict = vim.deepcopy(new)
  say(new.causes)
  event('BackburnerStatus', new)
  for name, field in pairs({
    BackburnerReady = 'ready',
    BackburnerAsks = 'asking',
    BackburnerFailed = 'failed',
  }) do
    if new[field] > old[field] then
      event(name, { count = new[field] })
    end
  end
  if new.revision ~= old.revision then
    require('backburner.queue').refresh()
    require('backburner.marks').refresh_all()
    require('backburner.review').update()
  end
  if new.text ~= old.text then
    vim.cmd.redrawstatus({ bang = true })
  end
end

return M
