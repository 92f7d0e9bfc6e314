--- Backburner for Neovim: delegate code to slow models, keep thinking, judge the results in the code.
--- `setup()` is optional; nothing is loaded before it is used. See `:help backburner`.

local tell = require('backburner.tell')

local M = {}

--- @param options table<string, any>? see `:help backburner-options`
function M.setup(options)
  for _, problem in ipairs(require('backburner.config').set(options)) do
    tell.warn(problem)
  end
  if vim.lsp.enable then
    vim.lsp.config('backburner', require('backburner.client').config())
    vim.lsp.enable('backburner')
    return
  end
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = vim.api.nvim_create_augroup('backburner', { clear = true }),
    callback = function(event)
      require('backburner.client').start(event.buf)
    end,
  })
  require('backburner.client').start_everywhere()
end

--- What is pending, as data.
--- @return backburner.Status
function M.status()
  return require('backburner.status').get()
end

--- What is pending, as a short string for a status line: `bb 3 +2 ?1`. Empty when nothing is.
--- @return string
function M.statusline()
  return require('backburner.status').text()
end

return M
