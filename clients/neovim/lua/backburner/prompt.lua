--- A small buffer to write a few lines in: replies, notes, answers. `:w` or <C-s> sends, `q` leaves.

local M = {}

--- @param title string shown in the winbar
--- @param send fun(text: string)
function M.open(title, send)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, ('backburner://prompt/%d'):format(bufnr))
  vim.bo[bufnr].buftype = 'acwrite'
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].filetype = 'markdown'
  vim.cmd('botright 6split')
  local window = vim.api.nvim_get_current_win()
  vim.api.nvim_win_set_buf(window, bufnr)
  vim.wo[window].winbar = ('%s  :w sends, q leaves'):format(title:gsub('%%', '%%%%'))

  local function close()
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
  end
  local function submit()
    local text = vim.trim(table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n'))
    vim.bo[bufnr].modified = false
    vim.schedule(close)
    if text ~= '' then
      send(text)
    end
  end
  vim.api.nvim_create_autocmd('BufWriteCmd', { buffer = bufnr, callback = submit })
  vim.keymap.set({ 'n', 'i' }, '<C-s>', submit, { buffer = bufnr, desc = 'Send' })
  vim.keymap.set('n', 'q', close, { buffer = bufnr, desc = 'Leave' })
  return bufnr
end

return M
