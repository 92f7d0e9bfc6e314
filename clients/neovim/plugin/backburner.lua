if vim.g.loaded_backburner then
  return
end
vim.g.loaded_backburner = true

vim.api.nvim_create_user_command('Backburner', function(opts)
  require('backburner.commands').run(opts)
end, {
  nargs = '*',
  range = true,
  desc = 'Delegate, look in, read and judge',
  complete = function(lead, line)
    return require('backburner.commands').complete(lead, line)
  end,
})

-- `vim.lsp.enable` serves a buffer once its kind is known; some ordinary files have none.
if vim.lsp.is_enabled then
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = vim.api.nvim_create_augroup('backburner', {}),
    callback = function(event)
      if vim.bo[event.buf].filetype == '' and vim.lsp.is_enabled('backburner') then
        require('backburner.client').start(event.buf)
      end
    end,
  })
end

vim.keymap.set({ 'n', 'x' }, '<Plug>(backburner-delegate)', function()
  return require('backburner.delegate').operator()
end, { expr = true, desc = 'Delegate {motion} or selection' })

for _, verb in ipairs({ 'delegate', 'again', 'queue', 'next', 'read', 'accept', 'reject', 'reply', 'review' }) do
  vim.keymap.set('n', ('<Plug>(backburner-%s-here)'):format(verb), function()
    require('backburner.commands').verb(verb)
  end, { desc = 'Backburner: ' .. verb })
end
