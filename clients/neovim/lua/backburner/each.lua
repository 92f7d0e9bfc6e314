--- The matches of a search, in Neovim's own way: every entry of the quickfix list, or of a window's location list.

local client = require('backburner.client')
local delegate = require('backburner.delegate')
local tell = require('backburner.tell')

local M = {}

--- @class backburner.Entry as `getqflist()` has it
--- @field bufnr integer 0: none
--- @field lnum integer one-based, 0: none
--- @field pattern string
--- @field text string
--- @field type string
--- @field user_data any

--- Whether it leads to a hunk of a result: our own list.
--- @param item backburner.Entry
--- @return boolean
local function is_ours(item)
  return type(item.user_data) == 'table' and item.user_data.hunk ~= nil
end

--- Whether it has a place in a file that can be read.
--- @param item backburner.Entry
--- @return boolean
local function is_in_file(item)
  if item.bufnr == 0 or not client.is_ordinary(item.bufnr) or (item.lnum == 0 and item.pattern ~= '') then
    return false
  end
  return vim.api.nvim_buf_is_loaded(item.bufnr) or vim.fn.filereadable(vim.api.nvim_buf_get_name(item.bufnr)) == 1
end

--- The problem that it came from, whole where a server still reports it.
--- @param item backburner.Entry
--- @return vim.Diagnostic?
local function problem_of(item)
  for _, problem in ipairs(vim.diagnostic.get(item.bufnr, { lnum = item.lnum - 1 })) do
    if problem.message == item.text then
      return problem
    end
  end
  return item.type ~= '' and vim.diagnostic.fromqflist({ item })[1] or nil
end

--- Each once: a search may find several matches in a line. The marks of our own results are none.
--- @param items backburner.Entry[]
--- @return backburner.Place[]
local function places_of(items)
  local places, seen = {}, {} --- @type backburner.Place[], table<string, boolean>
  for _, item in ipairs(vim.tbl_filter(is_in_file, items)) do
    local problem = problem_of(item)
    local name = ('%d %d %s'):format(item.bufnr, item.lnum, problem and problem.message or '')
    if not seen[name] and not (problem and problem.source == 'backburner') then
      seen[name] = true
      places[#places + 1] = {
        uri = vim.uri_from_bufnr(item.bufnr),
        start_line = item.lnum > 0 and item.lnum - 1 or 0,
        start_character = 0,
        end_line = -1,
        end_character = 0,
        whole_file = item.lnum == 0,
        diagnostics = problem and { delegate.as_lsp(problem) } or {},
      }
    end
  end
  return places
end

--- Delegate them as one group. A range chooses entries in the window of their list.
--- @param call backburner.Call
--- @param of_window boolean the location list also where its window is not the current one
function M.delegate(call, of_window)
  local in_list = vim.bo.buftype == 'quickfix'
  local is_location = of_window or vim.fn.win_gettype() == 'loclist'
  local items = is_location and vim.fn.getloclist(0) or vim.fn.getqflist()
  if call.range and not in_list then
    return tell.warn('a range chooses entries in the window of the list (:copen, :lopen).')
  elseif call.range then
    items = vim.list_slice(items, call.range[1], call.range[2])
  end
  if #vim.tbl_filter(is_ours, items) > 0 then
    return tell.warn('these are hunks of results; :Backburner each is for those of a search, as :grep makes it.')
  end
  local places = places_of(items)
  if #places == 0 then
    return tell.warn(('the %s list leads to no file.'):format(is_location and 'location' or 'quickfix'))
  end
  local prompt = #places > 1 and ('What should be done to these %d places?'):format(#places) or nil
  delegate.start_or_ask(call.words, places, prompt)
end

return M
