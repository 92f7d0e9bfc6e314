--- The connection to the server: how it is started, how it is asked, what it tells us.

local config = require('backburner.config')
local tell = require('backburner.tell')

local M = {}

local NAME = 'backburner'
local BACK_OFF_MS = { 500, 1000, 2000, 5000, 10000 }
local WRITING_MS = 2000
-- What Neovim's own menu of code actions hands to us, because words are asked for or an answer is shown.
local SHOWN = {
  'delegate',
  'reply',
  'steer',
  'answer',
  'read',
  'draft',
  'next',
  'show',
  'ui.review',
  'setKey',
  'useOllama',
  'allow',
  'practise',
  'doctor',
  'today',
  'trust',
  'raise',
}

local restarts = 0
local stopping = false
local enabled = false -- By `vim.lsp.enable`; whoever takes that back does not want it started again.
local last = nil --- @type integer? the client of the file that the person was in last
local starting = nil --- @type integer? the client that was started last
local waiting = {} --- @type fun(client: vim.lsp.Client?)[] for a server that is on its way

--- Ordinary files only: no help, terminals, quickfix lists, or buffers of other plugins.
--- @param bufnr integer
--- @return boolean
function M.is_ordinary(bufnr)
  if vim.bo[bufnr].buftype ~= '' then
    return false
  end
  local name = vim.api.nvim_buf_get_name(bufnr)
  return name ~= '' and not name:match('^[%w+.-]+://')
end

--- What the server may count on from us, beside what Neovim itself announces.
--- @return table
local function capabilities()
  local all = vim.lsp.protocol.make_client_capabilities() --[[@as table]]
  -- Columns are bytes then, as Neovim itself counts them.
  all.general.positionEncodings = { 'utf-8', 'utf-16' }
  all.workspace.codeLens = { refreshSupport = true }
  all.experimental = vim.tbl_extend('force', all.experimental or {}, {
    backburner = { status = true, input = true, review = true },
  })
  return all
end

--- Commands of code actions that are not simply sent.
--- @return table<string, fun(command: lsp.Command)>
local function commands()
  local all = {} --- @type table<string, fun(command: lsp.Command)>
  for _, name in ipairs(SHOWN) do
    all[NAME .. '.' .. name] = function(command)
      require('backburner.actions').act(command)
    end
  end
  return all
end

--- None are sent too: else those that were taken out of the configuration would stay. An empty table would be a list.
--- @return table
local function settings()
  local own = vim.tbl_extend('force', config.current.ascii and { ascii = true } or {}, config.current.settings)
  return { backburner = next(own) and own or vim.empty_dict() }
end

--- Whether `vim.lsp.enable('backburner')` holds.
--- @return boolean
local function is_enabled()
  return vim.lsp.is_enabled ~= nil and vim.lsp.is_enabled(NAME)
end

--- @param err table?
--- @param result table
--- @param context lsp.HandlerContext
local function on_status(err, result, context)
  if not err and result then
    require('backburner.status').update(result, context.client_id)
  end
end

--- Go on with what had to wait.
--- @param client vim.lsp.Client? nil: it will not come
local function settle(client)
  local before = waiting
  waiting = {}
  for _, go_on in ipairs(before) do
    go_on(client)
  end
end

--- @param code integer
--- @param signal integer
--- @param id integer
local function on_exit(code, signal, id)
  vim.schedule(function()
    require('backburner.status').gone(id)
    if id == starting and not stopping then
      settle(nil)
    end
    if stopping or vim.v.exiting ~= vim.NIL or (code == 0 and signal == 0) or (enabled and not is_enabled()) then
      return
    end
    restarts = restarts + 1
    local wait = BACK_OFF_MS[math.min(restarts, #BACK_OFF_MS)] --[[@as integer]]
    vim.defer_fn(M.start_everywhere, wait)
  end)
end

--- The configuration for `vim.lsp.config` / `vim.lsp.start`.
--- @return vim.lsp.Config
function M.config()
  --- @type vim.lsp.Config
  return {
    name = NAME,
    cmd = config.current.cmd,
    -- A server for every kind of file: no filetypes, the root decides.
    root_markers = { '.git', 'backburner.toml' },
    -- Started by us and not by `vim.lsp.enable`, which would leave out the keys.
    root_dir = function(bufnr)
      M.start(bufnr)
    end,
    capabilities = capabilities(),
    settings = settings(),
    handlers = {
      ['backburner/status'] = on_status,
      ['window/showMessage'] = function(_, result)
        local say = result.type <= vim.lsp.protocol.MessageType.Warning and tell.warn or tell.info
        say(result.message)
        return vim.NIL
      end,
      ['workspace/codeLens/refresh'] = function()
        require('backburner.marks').refresh_all()
        return vim.NIL
      end,
    },
    commands = commands(),
    on_attach = function(client, bufnr)
      restarts = 0
      enabled = is_enabled()
      M.entered(bufnr)
      require('backburner.marks').attach(client, bufnr)
      vim.schedule(function()
        settle(client)
      end)
    end,
    on_exit = on_exit,
  }
end

--- @param folder string
--- @return string
local function root(folder)
  local marker = vim.fs.find({ '.git', 'backburner.toml' }, { path = folder, upward = true })[1]
  return marker and vim.fs.dirname(marker) or folder
end

--- Start (or reuse) the server for a folder.
--- @param folder string
--- @param options vim.lsp.start.Opts
--- @param on_init fun(client: vim.lsp.Client)?
local function start(folder, options, on_init)
  -- What the person set with `vim.lsp.config` counts after a restart too.
  local configured = vim.lsp.config --[[@as table<string, vim.lsp.Config>?]]
  local wanted = vim.deepcopy(configured and configured[NAME] or M.config()) --[[@as vim.lsp.ClientConfig]]
  wanted.root_dir = root(folder)
  wanted.on_init = on_init or wanted.on_init
  require('backburner.keys').handing_over(function()
    starting = vim.lsp.start(wanted, options)
  end)
end

--- Start (or reuse) the server for a buffer.
--- @param bufnr integer?
function M.start(bufnr)
  bufnr = bufnr or vim.api.nvim_get_current_buf()
  if M.is_ordinary(bufnr) then
    start(vim.fs.dirname(vim.api.nvim_buf_get_name(bufnr)), { bufnr = bufnr })
  end
end

--- Whether a server is on its way.
--- @return boolean
local function is_coming()
  local client = starting and vim.lsp.get_client_by_id(starting)
  return stopping or client ~= nil and not client.initialized
end

--- Start it for the current folder, where no file is open yet.
local function start_without_file()
  if is_enabled() then
    start(vim.fn.getcwd(), { attach = false }, function(client)
      settle(client)
    end)
  end
end

--- Attach every ordinary loaded buffer again, after the server was away.
function M.start_everywhere()
  stopping = false
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) and M.is_ordinary(bufnr) then
      M.start(bufnr)
    end
  end
  if #waiting > 0 and not is_coming() then
    start_without_file()
  end
end

--- The client of a buffer; of the queue and other buffers of ours the one that they were opened for; else the one of the
--- file that the person was in last.
--- @param bufnr integer
--- @return vim.lsp.Client?
function M.get(bufnr)
  local opened_for = vim.b[bufnr].backburner_client --- @type integer?
  return vim.lsp.get_clients({ name = NAME, bufnr = bufnr })[1]
    or opened_for and vim.lsp.get_client_by_id(opened_for)
    or last and vim.lsp.get_client_by_id(last)
    or vim.lsp.get_clients({ name = NAME })[1]
end

--- A buffer from which the server of a file's project is asked; the current one where that project has none.
--- @param uri string
--- @return integer
function M.buffer_for(uri)
  local folder = root(vim.fs.dirname(vim.uri_to_fname(uri)))
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    local bufnr = client.root_dir == folder and next(client.attached_buffers)
    if bufnr then
      return bufnr
    end
  end
  return vim.api.nvim_get_current_buf()
end

--- A file is in the current window.
--- @param bufnr integer
function M.entered(bufnr)
  local client = bufnr == vim.api.nvim_get_current_buf() and vim.lsp.get_clients({ name = NAME, bufnr = bufnr })[1]
  last = client and client.id or last
end

--- Tie a buffer of ours to the project for which it is opened: task numbers count in each.
--- @param bufnr integer
function M.remember(bufnr)
  local client = M.get(vim.api.nvim_get_current_buf())
  vim.b[bufnr].backburner_client = client and client.id
end

--- The project that is looked at.
--- @return string uri
function M.root_uri()
  local client = M.get(vim.api.nvim_get_current_buf())
  return vim.uri_from_fname(client and client.root_dir or vim.fn.getcwd())
end

--- JSON's null as nil: 0.12 hands out `vim.NIL`, which counts as true.
--- @param value any
--- @return any
local function without_null(value)
  if value == vim.NIL then
    return nil
  end
  if type(value) == 'table' then
    for key, item in pairs(value) do
      value[key] = without_null(item)
    end
  end
  return value
end

--- Ask a client, the same way on every version.
--- @param client vim.lsp.Client
--- @param method string
--- @param params table
--- @param handler fun(err: table?, result: any)
--- @param bufnr integer?
function M.request(client, method, params, handler, bufnr)
  local function on_answer(err, result)
    handler(without_null(err), without_null(result))
  end
  if vim.fn.has('nvim-0.11') == 1 then
    client:request(method, params, on_answer, bufnr)
  else
    local request = client.request --[[@as fun(method: string, params: table, handler: function, bufnr: integer?)]]
    request(method, params, on_answer, bufnr)
  end
end

function M.restart()
  stopping = true
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    client:stop(true)
  end
  vim.defer_fn(M.start_everywhere, BACK_OFF_MS[1])
end

--- Run a command of the server, as soon as there is one. `done` gets its answer; a sentence in it is told, but not
--- beside a text that is shown. A refusal is shown as one line, then `refused` is called.
--- @param command string without `backburner.`
--- @param arguments table
--- @param done fun(result: any)?
--- @param refused fun()?
function M.command(command, arguments, done, refused)
  refused = refused or function() end
  local params = { command = 'backburner.' .. command, arguments = { arguments } }
  local handler = function(err, result)
    if err then
      tell.warn(err.message or 'refused')
      return refused()
    end
    for _, item in ipairs(type(result) == 'table' and result.left or {}) do
      tell.info(('#%d %s'):format(item.task, item.reason))
    end
    if done then
      done(result)
    end
    if type(result) == 'table' and result.sentence and (result.text or '') == '' then
      tell.info(result.sentence)
    end
  end
  --- @param client vim.lsp.Client?
  local function send(client)
    if client then
      return M.request(client, 'workspace/executeCommand', params, handler)
    end
    tell.warn('no server is attached here. :checkhealth backburner says why.')
    refused()
  end
  local client = M.get(vim.api.nvim_get_current_buf())
  if not client and not is_coming() then
    start_without_file()
  end
  -- One that is being stopped is still there, and answers no more.
  if stopping or not client and is_coming() then
    waiting[#waiting + 1] = send
  else
    send(client)
  end
end

--- The same for what `:w` does, and wait for the answer a little: `:wq` asks right behind whether all is written.
--- @param command string
--- @param arguments table
--- @param done fun(result: any)
function M.write(command, arguments, done)
  local answered = false
  M.command(command, arguments, function(result)
    answered = true
    done(result)
  end, function()
    answered = true
  end)
  vim.wait(WRITING_MS, function()
    return answered
  end, 10)
end

return M
