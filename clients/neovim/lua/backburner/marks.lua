--- What stands in the code: the line of a task at the end of its line, and its problem in a namespace of its own.
--- Positions come from the server; extmarks only carry them until the server tells new ones.

local config = require('backburner.config')

local M = {}

local namespace = vim.api.nvim_create_namespace('backburner_lens')
local ASKING = { 'BufEnter', 'InsertLeave', 'BufWritePost', 'CursorHold' }

local highlights = {
  BackburnerLens = 'LspCodeLens',
  BackburnerAction = 'LspCodeLensSeparator',
  BackburnerSign = 'NonText',
  BackburnerAdd = 'DiffAdd',
  BackburnerDelete = 'DiffDelete',
  BackburnerHunk = 'DiffChange',
}

local function define_highlights()
  for name, link in pairs(highlights) do
    vim.api.nvim_set_hl(0, name, { link = link, default = true })
  end
end

--- @class (exact) backburner.Lens
--- @field command string
--- @field arguments table[]
--- @field title string

--- Lenses of a buffer by zero-based line, in the server's order.
--- @type table<integer, table<integer, backburner.Lens[]>>
local shown = {}

--- @param bufnr integer
--- @param lenses table[]
local function draw(bufnr, lenses)
  local by_line = {} --- @type table<integer, backburner.Lens[]>
  for _, lens in ipairs(lenses) do
    local line = lens.range.start.line
    by_line[line] = by_line[line] or {}
    if lens.command then
      table.insert(by_line[line], lens.command)
    end
  end
  if vim.deep_equal(by_line, shown[bufnr]) then
    return
  end
  shown[bufnr] = by_line
  vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  local last = vim.api.nvim_buf_line_count(bufnr) - 1
  local tasks = {} --- @type table<integer, boolean>
  for line, commands in pairs(by_line) do
    local chunks = {} --- @type [string, string][]
    for index, command in ipairs(commands) do
      chunks[#chunks + 1] = { index == 1 and '  ' or ' | ', 'BackburnerAction' }
      chunks[#chunks + 1] = { command.title, index == 1 and 'BackburnerLens' or 'BackburnerAction' }
    end
    vim.api.nvim_buf_set_extmark(bufnr, namespace, math.min(line, last), 0, {
      virt_text = chunks,
      virt_text_pos = 'eol',
      hl_mode = 'combine',
    })
    local argument = commands[1] and (commands[1].arguments or {})[1]
    if argument and argument.task then
      tasks[argument.task] = true
    end
  end
  vim.b[bufnr].backburner_tasks = vim.tbl_keys(tasks)
end

--- Ask the server for the lenses of a buffer.
--- @param bufnr integer
function M.refresh(bufnr)
  if not config.current.lens or not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  local client = require('backburner.client').get(bufnr)
  if not client then
    return
  end
  local params = { textDocument = vim.lsp.util.make_text_document_params(bufnr) }
  local handler = function(err, result)
    if not err and vim.api.nvim_buf_is_loaded(bufnr) then
      draw(bufnr, result or {})
    end
  end
  require('backburner.client').request(client, 'textDocument/codeLens', params, handler, bufnr)
end

--- Every visible buffer; the others ask when they are entered.
function M.refresh_all()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    local bufnr = vim.api.nvim_win_get_buf(window)
    if shown[bufnr] then
      M.refresh(bufnr)
    end
  end
end

--- The lenses on a line of the current buffer, for `:Backburner actions`.
--- @param bufnr integer
--- @param line integer zero-based
--- @return backburner.Lens[]
function M.at(bufnr, line)
  return (shown[bufnr] or {})[line] or {}
end

--- Lines that have lenses, as status lines and tests see them.
--- @param bufnr integer
--- @return table<integer, string>
function M.lines(bufnr)
  local lines = {} --- @type table<integer, string>
  for line, commands in pairs(shown[bufnr] or {}) do
    lines[line] = table.concat(
      vim.tbl_map(function(command)
        return command.title
      end, commands),
      ' | '
    )
  end
  return lines
end

--- @param client vim.lsp.Client
local function configure_diagnostics(client)
  local ns = vim.lsp.diagnostic.get_namespace(client.id)
  local sign = config.current.ascii and '>' or '▸'
  vim.diagnostic.config({
    virtual_text = config.current.virtual_text,
    virtual_lines = false,
    underline = false,
    signs = config.current.signs and {
      text = vim.tbl_map(function()
        return sign
      end, { 1, 1, 1, 1 }),
      texthl = { 'BackburnerSign', 'BackburnerSign', 'BackburnerSign', 'BackburnerSign' },
    } or false,
  }, ns)
end

--- Called once for each buffer that the server serves.
--- @param client vim.lsp.Client
--- @param bufnr integer
function M.attach(client, bufnr)
  define_highlights()
  configure_diagnostics(client)
  shown[bufnr] = shown[bufnr] or {}
  local group = vim.api.nvim_create_augroup('backburner_marks_' .. bufnr, { clear = true })
  vim.api.nvim_create_autocmd(ASKING, {
    group = group,
    buffer = bufnr,
    callback = function()
      require('backburner.client').entered(bufnr)
      M.refresh(bufnr)
    end,
  })
  vim.api.nvim_create_autocmd('BufWipeout', {
    group = group,
    buffer = bufnr,
    callback = function()
      shown[bufnr] = nil
    end,
  })
  M.refresh(bufnr)
  require('backburner.review').entered(bufnr)
end

return M
