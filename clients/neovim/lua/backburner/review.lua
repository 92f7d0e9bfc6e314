--- Reading and judging: inline in the buffer first, then Neovim's own diff in a tab (`sidebyside`), and `documents`.
---
--- Every place comes from the server (`backburner.proposal`); nothing here merges. Closing means "later".

local client = require('backburner.client')
local tell = require('backburner.tell')
local windows = require('backburner.windows')

local M = {}

local namespace = vim.api.nvim_create_namespace('backburner_review')

--- @class (exact) backburner.Hunk
--- @field id string
--- @field kind string
--- @field placement string
--- @field verdict string
--- @field start_line integer zero-based, in the live text
--- @field end_line integer exclusive
--- @field live [integer, integer]? first line and the one behind the last, in the live text
--- @field merged [integer, integer]? the same in the proposal merged onto it
--- @field lines string[] what stands there afterwards

--- @class (exact) backburner.File
--- @field path string
--- @field uri string
--- @field live string?
--- @field base string?
--- @field proposed string?
--- @field merged string?
--- @field hunks backburner.Hunk[]

--- The result that is being read inline.
--- @class (exact) backburner.Reading
--- @field task integer
--- @field keys [integer, string][] buffer and key that were mapped
--- @field marks table<integer, table<integer, backburner.Hunk>> buffer, extmark id
local reading = nil --- @type backburner.Reading?

--- @return integer? the task that is being read
function M.current()
  return reading and reading.task
end

--- @param hunk backburner.Hunk
local function is_open(hunk)
  return hunk.verdict == 'open' and (hunk.placement == 'fits' or hunk.placement == 'moved')
end

local function clear()
  for bufnr in pairs(reading and reading.marks or {}) do
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
    end
  end
end

--- Removed lines get a highlight, added ones stand below them as virtual lines.
--- @param bufnr integer
--- @param file backburner.File
local function draw(bufnr, file)
  reading.marks[bufnr] = {}
  vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  local last = vim.api.nvim_buf_line_count(bufnr)
  for _, hunk in ipairs(file.hunks) do
    if is_open(hunk) then
      local added = vim.tbl_map(function(line)
        return { { line == '' and ' ' or line, 'BackburnerAdd' } }
      end, hunk.lines) --- @type table[]
      local empty = hunk.start_line == hunk.end_line
      local line = math.min(empty and math.max(hunk.start_line - 1, 0) or hunk.start_line, last - 1)
      local id = vim.api.nvim_buf_set_extmark(bufnr, namespace, line, 0, {
        end_row = empty and line or math.min(hunk.end_line, last),
        hl_group = not empty and 'BackburnerDelete' or nil,
        hl_eol = not empty,
      })
      for removed = hunk.start_line, math.min(hunk.end_line, last) - 1 do
        local sign = { sign_text = '-', sign_hl_group = 'BackburnerSign' }
        vim.api.nvim_buf_set_extmark(bufnr, namespace, removed, 0, sign)
      end
      local below = empty and line or math.min(hunk.end_line, last) - 1
      if #added > 0 then
        vim.api.nvim_buf_set_extmark(bufnr, namespace, below, 0, {
          virt_lines = added,
          virt_lines_above = empty and hunk.start_line == 0,
        })
      end
      reading.marks[bufnr][id] = hunk
    end
  end
end

--- To a hunk. Lines above the first one are drawn above the window, unless it makes room for them.
--- @param row integer zero-based
local function put_cursor(row)
  pcall(vim.api.nvim_win_set_cursor, 0, { row + 1, 0 })
  for _, hunk in pairs(row == 0 and reading and reading.marks[vim.api.nvim_get_current_buf()] or {}) do
    if hunk.end_line == 0 then
      vim.fn.winrestview({ topline = 1, topfill = math.min(#hunk.lines, vim.api.nvim_win_get_height(0) - 1) })
    end
  end
end

--- @param step 1|-1
local function jump(step)
  local bufnr = vim.api.nvim_get_current_buf()
  local marks = reading and reading.marks[bufnr]
  if not marks or vim.tbl_isempty(marks) then
    return
  end
  local rows = {} --- @type integer[]
  for id in pairs(marks) do
    rows[#rows + 1] = vim.api.nvim_buf_get_extmark_by_id(bufnr, namespace, id, {})[1]
  end
  table.sort(rows)
  local here = vim.fn.line('.') - 1
  local target = step > 0 and rows[1] or rows[#rows]
  for index = step > 0 and 1 or #rows, step > 0 and #rows or 1, step do
    if (rows[index] - here) * step > 0 then
      target = rows[index]
      break
    end
  end
  vim.cmd("normal! m'")
  put_cursor(target)
end

local KEYS = { [']h'] = 1, ['[h'] = -1 } --- @type table<string, 1|-1>

--- Keys that exist only while a result is read here; what the person mapped stays.
--- @param bufnr integer
local function map_keys(bufnr)
  for key, step in pairs(KEYS) do
    if vim.fn.maparg(key, 'n', false, true).buffer ~= 1 then
      vim.keymap.set('n', key, function()
        jump(step)
      end, { buffer = bufnr, desc = 'Backburner: hunk' })
      reading.keys[#reading.keys + 1] = { bufnr, key }
    end
  end
end

--- @param files backburner.File[]
local function draw_all(files)
  for _, file in ipairs(files) do
    local bufnr = windows.buffer_of(file.uri)
    if bufnr and vim.api.nvim_buf_is_loaded(bufnr) then
      draw(bufnr, file)
      map_keys(bufnr)
    end
  end
end

--- @param task integer
--- @param done fun(files: backburner.File[])
local function fetch(task, done)
  client.command('proposal', { task = task }, function(answer)
    done(answer.files)
  end)
end

--- @param files backburner.File[]
--- @return boolean
local function has_open(files)
  for _, file in ipairs(files) do
    for _, hunk in ipairs(file.hunks) do
      if is_open(hunk) then
        return true
      end
    end
  end
  return false
end

--- Draw the open hunks again in every buffer that shows them.
function M.refresh()
  if not reading then
    return
  end
  local task = reading.task
  fetch(task, function(files)
    if not reading or reading.task ~= task then
      return
    end
    if not has_open(files) then
      return M.later()
    end
    clear()
    reading.marks = {}
    draw_all(files)
  end)
end

--- A file was opened; perhaps the result that is being read changes it too.
--- @param bufnr integer
function M.entered(bufnr)
  if reading and not reading.marks[bufnr] then
    M.refresh()
  end
end

--- The hunk under the cursor, else nil.
--- @return backburner.Hunk?
function M.hunk_here()
  local bufnr = vim.api.nvim_get_current_buf()
  local marks = reading and reading.marks[bufnr]
  if not marks then
    return nil
  end
  local row = vim.fn.line('.') - 1
  for id, hunk in pairs(marks) do
    local mark = vim.api.nvim_buf_get_extmark_by_id(bufnr, namespace, id, { details = true })
    local last = mark[3] and mark[3].end_row or mark[1]
    if row >= mark[1] and row <= math.max(mark[1], last - 1) then
      return hunk
    end
  end
  return nil
end

--- Stop reading; everything that is open stays open.
function M.later()
  if reading then
    clear()
    for _, mapped in ipairs(reading.keys) do
      pcall(vim.keymap.del, 'n', mapped[2], { buffer = mapped[1] })
    end
    reading = nil
  end
end

--- Read a result in place. A report opens as a document.
--- @param task integer
function M.read(task)
  fetch(task, function(files)
    M.later()
    local first = nil --- @type backburner.File?
    for _, file in ipairs(files) do
      if file.live and #file.hunks > 0 then
        first = first or file
      end
    end
    if not first then
      return require('backburner.documents').open(task, false)
    end
    reading = { task = task, keys = {}, marks = {} }
    windows.go_to(first.uri)
    draw_all(files)
    require('backburner.marks').refresh_all()
    for _, hunk in ipairs(first.hunks) do
      if is_open(hunk) then
        put_cursor(hunk.start_line)
        break
      end
    end
  end)
end

--- @param command 'accept'|'reject'
--- @param task integer
local function judge(command, task)
  if require('backburner.sidebyside').is_edited(task) then
    tell.warn('write the proposal first (:w), or undo what you changed in it.')
    return
  end
  require('backburner.sidebyside').catch_up(function()
    local here, hunks = M.here()
    client.command(command, { task = task, hunks = here == task and hunks or {} }, function()
      M.refresh()
      require('backburner.marks').refresh_all()
    end)
  end)
end

--- What the cursor is on: a result, and those of its hunks that stand there.
--- @return integer? task, string[] hunks
function M.here()
  local hunk = M.hunk_here()
  if reading and hunk then
    return reading.task, { hunk.id }
  end
  for _, look in ipairs({
    require('backburner.sidebyside').here,
    require('backburner.documents').here,
    require('backburner.queue').here,
  }) do
    local task, hunks = look()
    if task then
      return task, hunks
    end
  end
  return nil, {}
end

--- Accept the hunk under the cursor, or everything that is open when the cursor is on none.
--- @param task integer
function M.accept(task)
  judge('accept', task)
end

--- @param task integer
function M.reject(task)
  judge('reject', task)
end

--- Keep what is on the screen in step with the server.
function M.update()
  require('backburner.documents').refresh()
  M.refresh()
  require('backburner.sidebyside').refresh()
end

--- The result that is best read next.
--- @param task integer? only what is open of this task: its next hunk
function M.next_result(task)
  if task and M.current() == task then
    return jump(1)
  end
  local place = { uri = vim.uri_from_bufnr(0), line = vim.fn.line('.') - 1, show = false }
  client.command('next', place, function(answer)
    if answer and answer.task and answer.task > 0 then
      M.read(answer.task)
    else
      tell.info('nothing is waiting to be read.')
    end
  end)
end

--- Side by side in a tab: your live buffer left, the proposal merged onto it right.
--- @param task integer
function M.diff(task)
  require('backburner.sidebyside').open(task, fetch)
end

return M
