--- The status of the queue: data first, a string second, and an event. An unchanged status fires nothing.

local tell = require('backburner.tell')

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

local standing = {} --- @type table<integer, backburner.Status> by client: there is one for each project
local said = {} --- @type table<string, boolean>

--- Of the project that is looked at. A status line asks in each of its windows.
--- @return backburner.Status
local function here()
  local client = next(standing) and require('backburner.client').get(vim.api.nvim_get_current_buf())
  return client and standing[client.id] or EMPTY
end

--- @return backburner.Status
function M.get()
  return vim.deepcopy(here())
end

--- @return string
function M.text()
  return here().text
end

--- Say what was not said yet. A cause that went away and came back is said again.
local function say()
  local all = {} --- @type table<string, boolean>
  for _, status in pairs(standing) do
    for _, cause in ipairs(status.causes) do
      -- How many tasks it stops may grow; that is not said again.
      local kind = cause:gsub('^%d+ tasks? ', '')
      if not said[kind] and not all[kind] and require('backburner.config').current.notify then
        tell.warn(cause)
      end
      all[kind] = true
    end
  end
  said = all
end

--- @param name string
--- @param data table
local function event(name, data)
  vim.api.nvim_exec_autocmds('User', { pattern = name, modeline = false, data = data })
end

--- A client ended. What it said is not said again when the server is back.
--- @param id integer
function M.gone(id)
  if standing[id] then
    M.update({ causes = standing[id].causes }, id)
    standing[id] = nil
  end
end

--- Take over what the server told.
--- @param status table
--- @param id integer of the client
function M.update(status, id)
  local new = vim.tbl_extend('force', EMPTY, status)
  local old = standing[id] or EMPTY
  if vim.deep_equal(new, old) then
    return
  end
  standing[id] = new
  vim.g.backburner_status = M.text()
  vim.g.backburner_status_dict = M.get()
  say()
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
  if status.revision and new.revision ~= old.revision then
    require('backburner.queue').refresh()
    require('backburner.marks').refresh_all()
    require('backburner.review').update()
  end
  if new.text ~= old.text then
    vim.cmd.redrawstatus({ bang = true })
  end
end

return M
