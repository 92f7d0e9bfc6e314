--- Files and the windows in which they are looked at.

local M = {}

--- The buffer of a file. By its whole name: `bufnr()` takes a pattern, in which `[id].ts` is another file.
--- @param uri string
--- @return integer?
function M.buffer_of(uri)
  local path = vim.uri_to_fname(uri)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(bufnr) == path then
      return bufnr
    end
  end
  return nil
end

--- Where no file is looked at: the queue, the quickfix list, a terminal.
--- @return boolean
local function is_special()
  return vim.bo.buftype ~= '' or vim.wo.winfixbuf
end

--- Go to a file: to the window that shows it, else it takes the place of the file that was looked at last.
--- @param uri string
function M.go_to(uri)
  local bufnr = M.buffer_of(uri)
  if vim.api.nvim_get_current_buf() == bufnr then
    vim.cmd("normal! m'")
    return
  end
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.api.nvim_win_get_buf(window) == bufnr then
      vim.api.nvim_set_current_win(window)
      vim.cmd("normal! m'")
      return
    end
  end
  if is_special() then
    vim.cmd.wincmd('p')
  end
  if is_special() then
    vim.cmd('aboveleft split')
  end
  vim.cmd.edit(vim.fn.fnameescape(vim.uri_to_fname(uri)))
end

--- Close the current window and be where one was before: Neovim goes to its neighbour, which may be of another project.
function M.leave()
  local window = vim.api.nvim_get_current_win()
  vim.cmd.wincmd('p')
  vim.api.nvim_win_close(window, false)
end

return M
