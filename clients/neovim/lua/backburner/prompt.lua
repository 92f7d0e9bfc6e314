--- A small buffer to write a few lines in: replies, notes, answers. `:w` or <C-s> sends, `q` leaves. What was not sent, or
--- not taken, is there again when the same is opened once more.

local M = {}

local unsent = {} --- @type table<string, string[]> by title

--- @param title string shown in the winbar
--- @param send fun(text: string, done: fun()) calls `done` when it is taken
function M.open(title, send)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, ('backburner://prompt/%d'):format(bufnr))
  vim.bo[bufnr].buftype = 'acwrite'
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].filetype = 'markdown'
  require('backburner.client').remember(bufnr)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, unsent[title] or {})
  vim.bo[bufnr].modified = false
  vim.cmd('botright 6split')
  local window = vim.api.nvim_get_current_win()
  vim.api.nvim_win_set_buf(window, bufnr)
  vim.wo[window].winbar = ('%s  :w sends, q leaves'):format(title:gsub('%%', '%%%%'))

  local function close()
    if vim.api.nvim_buf_is_valid(bufnr) then
      if vim.api.nvim_get_current_win() == window then
        vim.cmd.wincmd('p')
      end
      vim.api.nvim_buf_delete(bufnr, { force = true })
    end
  end
  local function submit()
    vim.cmd.stopinsert()
    local text = vim.trim(table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n'))
    if text == '' then
      vim.schedule(close)
      return
    end
    send(text, function()
      vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, {})
      vim.bo[bufnr].modified = false
      vim.schedule(close)
    end)
  end
  vim.api.nvim_create_autocmd('BufUnload', {
    buffer = bufnr,
    callback = function()
      unsent[title] = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
    end,
  })
  vim.api.nvim_create_autocmd('BufWriteCmd', { buffer = bufnr, callback = submit })
  vim.keymap.set({ 'n', 'i' }, '<C-s>', submit, { buffer = bufnr, desc = 'Send' })
  vim.keymap.set('n', 'q', close, { buffer = bufnr, desc = 'Leave' })
  return bufnr
end

return M
