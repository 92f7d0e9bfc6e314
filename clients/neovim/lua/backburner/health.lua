--- `:checkhealth backburner`

local M = {}

function M.check()
  local health = vim.health
  health.start('backburner')
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok(vim.split(vim.fn.execute('version'), '\n', { trimempty = true })[1])
  else
    health.error('Neovim 0.10 or newer is needed for the plugin; older ones can use plain LSP.')
  end
  local clients = vim.lsp.get_clients({ name = 'backburner' })
  local configured = vim.lsp.config --[[@as table<string, vim.lsp.Config>?]]
  local config = clients[1] and clients[1].config or configured and configured.backburner
  local program = (config or require('backburner.client').config()).cmd[1] --[[@as string]]
  local path = vim.fn.exepath(program)
  if path == '' then
    health.error(('%s is not on PATH'):format(program), { 'pip install backburner, or set `cmd` in setup()' })
    return
  end
  local version = vim.trim(vim.fn.system({ program, '--version' }))
  health.ok(('%s (%s)'):format(version, path))
  if vim.fn.executable('git') == 1 then
    health.ok('git is on PATH')
  else
    health.error('git is not on PATH', { 'Install git: snapshots are made with it.' })
  end
  if #clients > 0 then
    health.ok(('attached to %d buffer(s)'):format(#vim.tbl_keys(clients[1].attached_buffers or {})))
  else
    health.warn('not attached to any buffer', { "vim.lsp.enable('backburner'), then open a file" })
  end
  health.info('log of Neovim\'s client: ' .. vim.lsp.get_log_path())
  local checks = ''
  require('backburner.keys').handing_over(function()
    checks = vim.fn.system({ program, 'doctor', '--json' })
  end)
  local ok, answer = pcall(vim.json.decode, checks)
  if not ok or not answer.checks then
    health.warn('`backburner doctor` did not answer', { vim.trim(checks) })
    return
  end
  -- The doctor was asked by a command line; this is the editor.
  local checked = vim.tbl_filter(function(row)
    return row.name ~= 'editor'
  end, answer.checks)
  for _, row in ipairs(checked) do
    --- @type fun(text: string, advice: string[]?)
    local report = ({ ok = health.ok, broken = health.error, warning = health.warn })[row.state] or health.info
    report(('%s: %s'):format(row.name, row.detail), row.next and row.next ~= '' and row.state ~= 'ok' and { row.next } or nil)
  end
end

return M
