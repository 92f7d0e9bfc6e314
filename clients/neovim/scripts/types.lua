-- Checks the types of the plugin's Lua files with EmmyLua's language server: `nvim --clean -l types.lua SERVER`.
-- Prints what it finds; the exit code is 1 then. Neovim's own Lua files are the library.

local root = vim.fn.fnamemodify(arg[0], ':p:h:h')
local loaded = false
local id = assert(vim.lsp.start({
  name = 'types',
  cmd = { arg[1], '--log-level', 'error', '--resources-path', 'none' },
  cmd_env = { VIMRUNTIME = vim.env.VIMRUNTIME },
  root_dir = root,
  handlers = {
    ['$/progress'] = function(_, params)
      loaded = loaded or params.value.message == 'Indexing complete'
    end,
  },
}, { attach = false }))
local client = assert(vim.lsp.get_client_by_id(id))
local found = vim.wait(60000, function()
  return loaded
end) and 0 or 1
assert(found == 0, 'the checker did not load the files within a minute')
local files = vim.fn.glob(root .. '/**/*.lua', true, true)
assert(#files > 10)
for _, file in ipairs(files) do
  local text = table.concat(vim.fn.readfile(file), '\n') .. '\n'
  local params = { textDocument = { uri = vim.uri_from_fname(file), languageId = 'lua', version = 0, text = text } }
  client:notify('textDocument/didOpen', params)
  local answer = assert(client:request_sync('textDocument/diagnostic', params, 60000))
  assert(not answer.err, vim.inspect(answer.err))
  for _, item in ipairs(answer.result.items) do
    found = found + 1
    io.write(('%s:%d: %s (%s)\n'):format(file:sub(#root + 2), item.range.start.line + 1, item.message, item.code))
  end
end
os.exit(found > 0 and 1 or 0)
