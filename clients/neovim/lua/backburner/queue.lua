--- The queue as a scratch buffer: grouped, live, actions on keys that the winbar shows.

local client = require('backburner.client')
local windows = require('backburner.windows')

local M = {}

local NAME = 'backburner://queue'
local KEYS = '<CR> go  r read  a accept  x reject  d draft  s stop  t again  R reply, tell, answer  q close'
local SAYING = { asking = 'answer', running = 'steer' } --- @type table<string, string>

--- @class (exact) backburner.Row
--- @field section string
--- @field task integer
--- @field state string
--- @field title string
--- @field detail string
--- @field why string
--- @field uri string
--- @field line integer
--- @field actions {title: string, command: string, arguments: table}[]

local rows = {} --- @type table<integer, backburner.Row>
local buffer = nil --- @type integer?

--- @return backburner.Row?
local function row_here()
  return rows[vim.api.nvim_win_get_cursor(0)[1]]
end

--- Rows come and go, and the next key must not be about another one than the cursor was on. At first it is on the first.
--- @param before table<integer, backburner.Row>
local function keep_on_its_row(before)
  local first = nil --- @type integer?
  local lines = {} --- @type table<integer, integer> by task
  for line, row in pairs(rows) do
    first = math.min(line, first or line)
    lines[row.task] = line
  end
  for _, window in ipairs(buffer and vim.fn.win_findbuf(buffer) or {}) do
    local at = vim.api.nvim_win_get_cursor(window)
    local row = before[at[1]]
    local line = next(before) == nil and first or row and lines[row.task]
    if line then
      vim.api.nvim_win_set_cursor(window, { line, at[2] })
    end
  end
end

--- @param answer table
local function draw(answer)
  if not buffer or not vim.api.nvim_buf_is_valid(buffer) then
    return
  end
  local lines, section = {}, ''
  local before = rows
  rows = {}
  if answer.note and answer.note ~= '' then
    lines[#lines + 1] = answer.note
  end
  for _, row in ipairs(answer.rows) do
    if row.section ~= section then
      section = row.section
      lines[#lines + 1] = section
    end
    lines[#lines + 1] = ('  %s  %s'):format(row.title, row.detail)
    rows[#lines] = row
  end
  if #answer.rows == 0 then
    lines[#lines + 1] = answer.empty
  end
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  keep_on_its_row(before)
end

--- @param done fun(answer: table)
local function fetch(done)
  client.command('list', { uri = client.root_uri() }, done)
end

--- Draw again, when the queue is on the screen.
function M.refresh()
  if buffer and vim.api.nvim_buf_is_valid(buffer) and #vim.fn.win_findbuf(buffer) > 0 then
    vim.api.nvim_buf_call(buffer, function()
      fetch(draw)
    end)
  end
end

local function go()
  local row = row_here()
  if row and row.uri ~= '' then
    windows.go_to(row.uri)
    pcall(vim.api.nvim_win_set_cursor, 0, { row.line + 1, 0 })
  end
end

--- @param command string
--- @param more table?
local function on_task(command, more)
  return function()
    local row = row_here()
    if row then
      client.command(command, vim.tbl_extend('force', { task = row.task }, more or {}), M.refresh)
    end
  end
end

function M.open()
  if not buffer or not vim.api.nvim_buf_is_valid(buffer) then
    buffer = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(buffer, NAME)
    vim.bo[buffer].buftype = 'nofile'
    vim.bo[buffer].filetype = 'backburner'
    local function map(key, action, desc)
      vim.keymap.set('n', key, action, { buffer = buffer, desc = desc, nowait = true })
    end
    map('<CR>', go, 'Go to the place')
    map('r', function()
      local row = row_here()
      if row then
        require('backburner.review').read(row.task)
      end
    end, 'Read')
    map('a', on_task('accept'), 'Accept')
    map('x', on_task('reject'), 'Reject')
    map('d', function()
      local row = row_here()
      if row then
        require('backburner.documents').open(row.task, true)
      end
    end, 'Draft')
    map('s', on_task('stop'), 'Stop')
    map('t', on_task('retry'), 'Run again')
    map('R', function()
      local row = row_here()
      if row then
        require('backburner.commands').verb(SAYING[row.state] or 'reply', { tostring(row.task) })
      end
    end, 'Reply, tell, answer')
    map('q', windows.leave, 'Close')
  end
  client.remember(buffer)
  local shown = vim.fn.win_findbuf(buffer)[1]
  if shown then
    vim.api.nvim_set_current_win(shown)
  else
    rows = {}
    vim.cmd('botright 10split')
    vim.api.nvim_win_set_buf(0, buffer)
    vim.wo.winbar = KEYS
    vim.wo.number, vim.wo.relativenumber, vim.wo.wrap, vim.wo.winfixheight = false, false, false, true
  end
  fetch(draw)
end

--- The row at the cursor, while the queue is looked at.
--- @return backburner.Row?
function M.row()
  return vim.api.nvim_get_current_buf() == buffer and row_here() or nil
end

--- What the row at the cursor is about; else the current entry of our quickfix list, while the cursor is on its line.
--- @return integer? task, string[] hunks
function M.here()
  if vim.api.nvim_get_current_buf() == buffer then
    local row = row_here()
    return row and row.task, {}
  end
  local list = vim.fn.getqflist({ idx = 0, items = 0 })
  local item = list.items[list.idx] --- @type table?
  local data = item and item.user_data
  local is_here = item and item.bufnr == vim.api.nvim_get_current_buf() and item.lnum == vim.fn.line('.')
  if is_here and type(data) == 'table' and data.hunk then
    return data.task, { data.hunk }
  end
  return nil, {}
end

--- The quickfix list with one entry for each open hunk of every result.
function M.quickfix()
  client.command('list', { uri = client.root_uri(), views = true, states = { 'ready' } }, function(answer)
    local items = {} --- @type table[]
    local root = vim.uri_to_fname(client.root_uri())
    for _, view in ipairs(answer) do
      for _, hunk in ipairs(view.hunks) do
        if hunk.verdict == 'open' then
          items[#items + 1] = {
            filename = vim.fs.joinpath(root, hunk.path),
            lnum = math.max(hunk.line, 1),
            text = ('#%d %s (%s)'):format(view.task, view.title, hunk.placement),
            user_data = { task = view.task, hunk = hunk.id },
          }
        end
      end
    end
    vim.fn.setqflist({}, ' ', { title = 'Backburner', items = items })
    vim.cmd.copen()
  end)
end

return M
