--- The queue as a scratch buffer: grouped, live, actions on keys that the winbar shows.

local client = require('backburner.client')

local M = {}

local NAME = 'backburner://queue'
local KEYS = '<CR> go  r read  a accept  x reject  d draft  s stop  t again  R reply  q close'

--- @class (exact) backburner.Row
--- @field section string
--- @field task integer
--- @field state string
--- @field title string
--- @field detail string
--- @field why string
--- @field uri string
--- @field line integer

local rows = {} --- @type table<integer, backburner.Row>
local buffer = nil --- @type integer?

--- @return backburner.Row?
local function row_here()
  return rows[vim.api.nvim_win_get_cursor(0)[1]]
end

--- @param answer table
local function draw(answer)
  if not buffer or not vim.api.nvim_buf_is_valid(buffer) then
    return
  end
  local lines, section = {}, ''
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
end

--- @param done fun(answer: table)
local function fetch(done)
  client.command('list', { uri = client.root_uri() }, done)
end

--- Draw again, when the queue is on the screen.
function M.refresh()
  if buffer and vim.api.nvim_buf_is_valid(buffer) and #vim.fn.win_findbuf(buffer) > 0 then
    fetch(draw)
  end
end

local function go()
  local row = row_here()
  if row and row.uri ~= '' then
    vim.cmd.wincmd('p')
    vim.cmd.edit(vim.fn.fnameescape(vim.uri_to_fname(row.uri)))
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
        vim.cmd.wincmd('p')
        require('backburner.review').read(row.task)
      end
    end, 'Read')
    map('a', on_task('accept'), 'Accept')
    map('x', on_task('reject'), 'Reject')
    map('d', function()
      local row = row_here()
      if row then
        vim.cmd.wincmd('p')
        require('backburner.review').document(row.task, true)
      end
    end, 'Draft')
    map('s', on_task('stop'), 'Stop')
    map('t', on_task('retry'), 'Run again')
    map('R', function()
      local row = row_here()
      if row then
        require('backburner.commands').say('reply', row.task)
      end
    end, 'Reply')
    map('q', '<Cmd>close<CR>', 'Close')
  end
  local windows = vim.fn.win_findbuf(buffer)
  if #windows > 0 then
    vim.api.nvim_set_current_win(windows[1])
  else
    vim.cmd('botright 10split')
    vim.api.nvim_win_set_buf(0, buffer)
    vim.wo.winbar = KEYS
    vim.wo.number, vim.wo.relativenumber, vim.wo.wrap, vim.wo.winfixheight = false, false, false, true
  end
  fetch(draw)
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
