--- Neovim's own diff in a tab: the live buffer left, the proposal merged onto it right. `:w` right keeps your edits to the
--- proposal; only accept accepts. `do` and `dp` work as usual: where the proposal is made equal to your text, that hunk is
--- rejected at once; what is put into your text by hand, the server sees there.

local client = require('backburner.client')

local M = {}

local windows = require('backburner.windows')

local diff = vim.text.diff or vim.diff -- Its name up to 0.11.

--- A proposal buffer on the screen.
--- @class (exact) backburner.Side
--- @field task integer
--- @field path string
--- @field file backburner.File as it was filled in
--- @field differing table<string, boolean> ids of hunks that Neovim's diff showed then
--- @field filling boolean

--- @type table<integer, backburner.Side>
local sides = {}

--- @param text string?
--- @return string[]
local function lines_of(text)
  return vim.split((text or ''):gsub('\n$', ''), '\n')
end

--- @param bufnr integer
--- @return string[]
local function lines_in(bufnr)
  return vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
end

--- Which open hunks touch a place where the two texts differ.
--- @param file backburner.File
--- @param live string[]
--- @param proposal string[]
--- @return table<string, boolean> by id
local function differing(file, live, proposal)
  local text = { table.concat(live, '\n') .. '\n', table.concat(proposal, '\n') .. '\n' }
  local regions = diff(text[1], text[2], { result_type = 'indices' }) --[[@as integer[][] ]]
  local found = {} --- @type table<string, boolean>
  for _, hunk in ipairs(file.hunks) do
    for _, region in ipairs(regions) do
      local first, count = region[1], region[2]
      -- One-based; where nothing stands, the line before.
      local start = count == 0 and first or first - 1
      if hunk.verdict == 'open' and start <= hunk.end_line and start + count >= hunk.start_line then
        found[hunk.id] = true
      end
    end
  end
  return found
end

--- @param bufnr integer
--- @param side backburner.Side
--- @param file backburner.File
local function fill(bufnr, side, file)
  local lines = lines_of(file.merged or file.live)
  side.file = file
  side.differing = differing(file, lines_of(file.live), lines)
  if not vim.deep_equal(lines, lines_in(bufnr)) then
    side.filling = true
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    side.filling = false
  end
  vim.bo[bufnr].modified = false
end

--- Keep a proposal in step with the live text and the verdicts; one that holds edits of the person is left alone.
--- @param bufnr integer
--- @param side backburner.Side
--- @param done fun()?
local function follow(bufnr, side, done)
  vim.api.nvim_buf_call(bufnr, function()
    client.command('proposal', { task = side.task, path = side.path }, function(answer)
      local file = answer.files[1] --- @type backburner.File?
      if file and vim.api.nvim_buf_is_valid(bufnr) then
        if not vim.bo[bufnr].modified or vim.deep_equal(lines_in(bufnr), lines_of(file.merged or file.live)) then
          fill(bufnr, side, file)
        end
      end
      if done then
        done()
      end
    end)
  end)
end

--- The proposal that the current window shows, or shows the live text of.
--- @return integer? bufnr, backburner.Side?
local function side_here()
  local here = vim.api.nvim_get_current_buf()
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local bufnr = vim.api.nvim_win_get_buf(window)
    local side = sides[bufnr]
    if side and (bufnr == here or windows.buffer_of(side.file.uri) == here) then
      return bufnr, side
    end
  end
  return nil, nil
end

--- Ask how the proposal here stands now, then go on: what was typed since may have moved its hunks.
--- @param done fun()
function M.catch_up(done)
  local bufnr, side = side_here()
  if bufnr and side then
    follow(bufnr, side, done)
  else
    done()
  end
end

--- What the cursor is on, on either side.
--- @return integer? task, string[] hunks
function M.here()
  local bufnr, side = side_here()
  local found = {} --- @type string[]
  local row = vim.fn.line('.') - 1
  for _, hunk in ipairs(side and side.file.hunks or {}) do
    local span = bufnr == vim.api.nvim_get_current_buf() and hunk.merged or hunk.live
    if span and hunk.verdict == 'open' and hunk.placement ~= 'applied' then
      -- Where no line is, the one before.
      local first = span[1] == span[2] and math.max(span[1] - 1, 0) or span[1]
      if row >= first and row < math.max(span[2], first + 1) then
        found[#found + 1] = hunk.id
      end
    end
  end
  return side and side.task, found
end

--- Whether the person changed a proposal and did not write it.
--- @param task integer
--- @return boolean
function M.is_edited(task)
  for bufnr, side in pairs(sides) do
    if side.task == task and vim.api.nvim_buf_is_valid(bufnr) and vim.bo[bufnr].modified then
      return true
    end
  end
  return false
end

function M.refresh()
  for bufnr, side in pairs(sides) do
    if vim.api.nvim_buf_is_valid(bufnr) then
      follow(bufnr, side)
    else
      sides[bufnr] = nil
    end
  end
end

--- The person changed the proposal: hunks that are no longer different from the live text were turned down.
--- @param bufnr integer
local function judge(bufnr)
  local side = sides[bufnr]
  local live = side and windows.buffer_of(side.file.uri)
  if not live or not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  local text = lines_in(live)
  if not vim.deep_equal(text, lines_of(side.file.live)) then
    return -- The server is about to tell how it stands in a newer text.
  end
  local left = differing(side.file, text, lines_in(bufnr))
  local gone = vim.tbl_filter(function(id)
    return not left[id]
  end, vim.tbl_keys(side.differing))
  if #gone > 0 then
    side.differing = left
    client.command('reject', { task = side.task, hunks = gone }, function()
      follow(bufnr, side)
      require('backburner.marks').refresh_all()
    end)
  end
end

--- @param bufnr integer
--- @param side backburner.Side
local function write(bufnr, side)
  local text = table.concat(lines_in(bufnr), '\n') .. '\n'
  local arguments = { task = side.task, path = side.path, text = text, live = side.file.live }
  client.write('proposal', arguments, function()
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.bo[bufnr].modified = false
      follow(bufnr, side)
    end
  end)
end

--- @param task integer
--- @param file backburner.File
--- @return integer bufnr
local function proposal_buffer(task, file)
  local name = ('backburner://proposal/%d/%s'):format(task, file.path)
  local old = vim.fn.bufnr(name)
  if old > 0 then
    vim.api.nvim_buf_delete(old, { force = true })
  end
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, name)
  local side = { task = task, path = file.path, file = file, differing = {}, filling = false } --- @type backburner.Side
  fill(bufnr, side, file)
  sides[bufnr] = side
  client.remember(bufnr)
  vim.b[bufnr].backburner_task = task
  vim.bo[bufnr].buftype = 'acwrite'
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].filetype = vim.filetype.match({ filename = file.path }) or ''
  vim.api.nvim_buf_attach(bufnr, false, {
    on_lines = function()
      if not side.filling then
        vim.schedule(function()
          judge(bufnr)
        end)
      end
    end,
  })
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = bufnr,
    callback = function()
      write(bufnr, side)
    end,
  })
  return bufnr
end

--- @param task integer
--- @param fetch fun(task: integer, done: fun(files: backburner.File[]))
function M.open(task, fetch)
  fetch(task, function(files)
    local file = files[1]
    if not file then
      require('backburner.documents').open(task, false)
      return
    end
    if #files > 1 then
      vim.ui.select(files, {
        prompt = ('#%d Review which file?'):format(task),
        kind = 'backburner_file',
        format_item = function(item)
          return item.path
        end,
      }, function(choice)
        if choice then
          M.show(task, choice)
        end
      end)
      return
    end
    M.show(task, file)
  end)
end

--- @param task integer
--- @param file backburner.File
function M.show(task, file)
  require('backburner.review').later()
  vim.cmd('tab split ' .. vim.fn.fnameescape(vim.uri_to_fname(file.uri)))
  local left = vim.api.nvim_get_current_win()
  vim.cmd.diffthis()
  vim.cmd('rightbelow vsplit')
  local right = vim.api.nvim_get_current_win()
  vim.api.nvim_win_set_buf(right, proposal_buffer(task, file))
  vim.cmd.diffthis()
  vim.wo[right].winbar = ('#%d proposal  :w keeps edits'):format(task)
  vim.api.nvim_set_current_win(left)
  local group = vim.api.nvim_create_augroup('backburner_sidebyside_' .. left, { clear = true })
  for _, window in ipairs({ left, right }) do
    vim.api.nvim_create_autocmd('WinClosed', {
      group = group,
      pattern = tostring(window),
      once = true,
      callback = function()
        vim.api.nvim_del_augroup_by_id(group)
        local other = window == left and right or left
        vim.schedule(function()
          if not vim.api.nvim_win_is_valid(other) then
            return
          end
          vim.api.nvim_win_call(other, vim.cmd.diffoff)
          -- The live text is still in the tab from which this one was opened. Other windows here are the person's.
          local alone = #vim.api.nvim_tabpage_list_wins(vim.api.nvim_win_get_tabpage(other)) == 1
          if #vim.api.nvim_list_wins() > 1 and (alone or other == right) then
            pcall(vim.api.nvim_win_close, other, false) -- Not one with edits that are not written.
          end
        end)
      end,
    })
  end
end

return M
