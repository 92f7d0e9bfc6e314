--- Reading and judging: inline in the buffer first, then Neovim's own diff in a tab, and documents for the rest.
---
--- Every place comes from the server (`backburner.proposal`); nothing here merges. Closing means "later".

local client = require('backburner.client')

local M = {}

local namespace = vim.api.nvim_create_namespace('backburner_review')

--- @class (exact) backburner.Hunk
--- @field id string
--- @field kind string
--- @field placement string
--- @field verdict string
--- @field start_line integer zero-based, in the live text
--- @field end_line integer exclusive
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
  for index, hunk in ipairs(file.hunks) do
    if is_open(hunk) then
      local added = vim.tbl_map(function(line)
        return { { line == '' and ' ' or line, 'BackburnerAdd' } }
      end, hunk.lines) --- @type table[]
      added[#added + 1] = { { ('#%d hunk %d of %d'):format(reading.task, index, #file.hunks), 'BackburnerLens' } }
      local empty = hunk.start_line == hunk.end_line
      local line = math.min(empty and math.max(hunk.start_line - 1, 0) or hunk.start_line, last - 1)
      local id = vim.api.nvim_buf_set_extmark(bufnr, namespace, line, 0, {
        end_row = empty and line or math.min(hunk.end_line, last),
        hl_group = not empty and 'BackburnerDelete' or nil,
        hl_eol = not empty,
      })
      local below = empty and line or math.min(hunk.end_line, last) - 1
      vim.api.nvim_buf_set_extmark(bufnr, namespace, below, 0, {
        virt_lines = added,
        virt_lines_above = empty and hunk.start_line == 0,
      })
      reading.marks[bufnr][id] = hunk
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
    clear()
    reading.marks = {}
    for _, file in ipairs(files) do
      local bufnr = vim.fn.bufnr(vim.uri_to_fname(file.uri))
      if bufnr > 0 and vim.api.nvim_buf_is_loaded(bufnr) then
        draw(bufnr, file)
      end
    end
  end)
end

--- The hunk under the cursor, else nil.
--- @return backburner.Hunk?
function M.hunk_here()
  local bufnr = vim.api.nvim_get_current_buf()
  local marks = reading and reading.marks[bufnr]
  if not marks then
    return nil
  end
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  for id, hunk in pairs(marks) do
    local mark = vim.api.nvim_buf_get_extmark_by_id(bufnr, namespace, id, { details = true })
    local last = mark[3] and mark[3].end_row or mark[1]
    if row >= mark[1] and row <= math.max(mark[1], last - 1) then
      return hunk
    end
  end
  return nil
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
  local here = vim.api.nvim_win_get_cursor(0)[1] - 1
  local target = step > 0 and rows[1] or rows[#rows]
  for index = step > 0 and 1 or #rows, step > 0 and #rows or 1, step do
    if (rows[index] - here) * step > 0 then
      target = rows[index]
      break
    end
  end
  vim.api.nvim_win_set_cursor(0, { target + 1, 0 })
end

--- Keys that exist only while a result is read here.
--- @param bufnr integer
local function map_keys(bufnr)
  local function map(key, action, desc)
    if vim.fn.maparg(key, 'n', false, true).buffer ~= 1 then
      vim.keymap.set('n', key, action, { buffer = bufnr, desc = 'Backburner: ' .. desc })
    end
  end
  map(']h', function()
    jump(1)
  end, 'next hunk')
  map('[h', function()
    jump(-1)
  end, 'previous hunk')
end

--- Stop reading; everything that is open stays open.
function M.later()
  if reading then
    clear()
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
      return M.document(task, false)
    end
    reading = { task = task, marks = {} }
    -- Opening counts as reading; the server shows its document only to editors that have no review of their own.
    client.command('show', { task = task, seen = true })
    local path = vim.uri_to_fname(first.uri)
    if vim.api.nvim_buf_get_name(0) ~= path then
      vim.cmd.edit(vim.fn.fnameescape(path))
    end
    for _, file in ipairs(files) do
      local bufnr = vim.fn.bufnr(vim.uri_to_fname(file.uri))
      if bufnr > 0 and vim.api.nvim_buf_is_loaded(bufnr) then
        draw(bufnr, file)
        map_keys(bufnr)
      end
    end
    for _, hunk in ipairs(first.hunks) do
      if is_open(hunk) then
        pcall(vim.api.nvim_win_set_cursor, 0, { hunk.start_line + 1, 0 })
        break
      end
    end
  end)
end

--- @param command 'accept'|'reject'
--- @param task integer
local function judge(command, task)
  local hunk = reading and reading.task == task and M.hunk_here() or nil
  local view = vim.fn.winsaveview()
  client.command(command, { task = task, hunks = hunk and { hunk.id } or {} }, function()
    vim.fn.winrestview(view)
    vim.schedule(M.refresh)
    require('backburner.marks').refresh_all()
  end)
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

--- Open the unified diff of a result or draft, or the report, in an ordinary read-only buffer.
--- @param task integer
--- @param draft boolean
function M.document(task, draft)
  client.command('diff', { task = task, draft = draft }, function(answer)
    local bufnr = vim.api.nvim_create_buf(false, true)
    local name = ('backburner://%s/%d'):format(draft and 'draft' or 'result', task)
    local old = vim.fn.bufnr(name)
    if old > 0 then
      vim.api.nvim_buf_delete(old, { force = true })
    end
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(answer.text, '\n'))
    vim.bo[bufnr].filetype = 'diff'
    vim.bo[bufnr].bufhidden = 'wipe'
    vim.bo[bufnr].modifiable = false
    vim.cmd('botright split')
    vim.api.nvim_win_set_buf(0, bufnr)
    vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = bufnr, desc = 'Close' })
  end)
end

--- The result that is best read next.
function M.next_result()
  local place = { uri = vim.uri_from_bufnr(0), line = vim.api.nvim_win_get_cursor(0)[1] - 1, show = false }
  client.command('next', place, function(answer)
    if answer and answer.task and answer.task > 0 then
      M.read(answer.task)
    else
      vim.notify('backburner: nothing is waiting to be read.')
    end
  end)
end

--- Side by side in a tab: your live buffer left, the proposal merged onto it right.
--- @param task integer
function M.diff(task)
  require('backburner.sidebyside').open(task, fetch)
end

return M
