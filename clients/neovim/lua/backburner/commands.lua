--- `:Backburner {verb} [arguments]`: one command with completion and ranges. Each verb is a Lua function too.

local client = require('backburner.client')
local delegate = require('backburner.delegate')
local tasks = require('backburner.tasks')
local tell = require('backburner.tell')

local M = {}

--- @class (exact) backburner.Call
--- @field words string[] what stood after the verb
--- @field range [integer, integer]? one-based first and last line

--- @type table<string, fun(call: backburner.Call)>
M.verbs = {
  delegate = function(call)
    delegate.start_or_ask(call.words, { delegate.here(call.range) })
  end,
  each = function(call)
    require('backburner.each').delegate(call, false)
  end,
  ['each!'] = function(call)
    require('backburner.each').delegate(call, true)
  end,
  recent = function(call)
    delegate.ask_recent(delegate.here(call.range))
  end,
  again = function(call)
    client.command('again', { place = delegate.here(call.range) })
  end,
  actions = function(call)
    require('backburner.actions').choose(call)
  end,
  queue = function()
    require('backburner.queue').open()
  end,
  qf = function()
    require('backburner.queue').quickfix()
  end,
  next = function()
    require('backburner.review').next_result()
  end,
  read = function(call)
    tasks.with_task(call, require('backburner.review').read)
  end,
  review = function(call)
    tasks.with_task(call, require('backburner.review').diff)
  end,
  draft = function(call)
    tasks.with_task(call, function(task)
      require('backburner.documents').open(task, true)
    end)
  end,
  diff = function(call)
    tasks.with_task(call, function(task)
      require('backburner.documents').open(task, false)
    end)
  end,
  accept = function(call)
    tasks.with_task(call, require('backburner.review').accept)
  end,
  reject = function(call)
    tasks.with_task(call, require('backburner.review').reject)
  end,
  rest = tasks.on_task('acceptRest'),
  dismiss = tasks.on_task('dismiss'),
  undo = tasks.on_task('undo'),
  reply = tasks.speaking('reply'),
  steer = tasks.speaking('steer'),
  answer = tasks.answer,
  retry = tasks.on_task('retry'),
  refit = tasks.on_task('refit'),
  continue = tasks.on_task('continue'),
  stop = tasks.on_task('stop'),
  keep = tasks.on_task('stop', { keep = true }),
  start = tasks.on_task('startAnyway'),
  after = tasks.after,
  raise = tasks.raise,
  key = tasks.key,
  ollama = function()
    client.command('useOllama', vim.empty_dict())
  end,
  allow = tasks.allow,
  practise = function()
    require('backburner.setup').practise()
  end,
  doctor = function()
    require('backburner.setup').doctor()
  end,
  trust = function(call)
    local file = call.words[1]
    require('backburner.setup').trust({ path = file and vim.fn.fnamemodify(file, ':p') })
  end,
  today = function()
    require('backburner.setup').today()
  end,
  restart = function()
    client.restart()
  end,
}

--- One line about each verb, for the help.
M.help = {
  delegate = 'delegate the range or the symbol at the cursor',
  each = 'delegate each entry of the quickfix list, or those in the range',
  ['each!'] = 'the same for the location list of this window',
  recent = 'delegate with one of your last instructions',
  again = 'delegate with the last instruction',
  actions = 'everything that can be done here',
  queue = 'the queue, in a window',
  qf = 'open hunks of all results in the quickfix list',
  next = 'read what is best read next',
  read = 'read a result in the code; a report in a window',
  review = "side by side in a tab, with Neovim's own diff",
  draft = 'what a running task has changed so far',
  diff = 'a result as a unified diff',
  accept = 'take the hunk at the cursor, on none: all that is open',
  reject = 'the same, turned down',
  rest = 'accept the rest of a group like those you read',
  dismiss = 'put away findings, a report, a failure',
  undo = 'take verdicts back',
  reply = 'say something to a finished task',
  steer = 'tell a running task something',
  answer = 'answer the question of a task',
  retry = 'run again',
  refit = 'let the agent fit its result to the text as it is',
  continue = 'go on after a step',
  stop = 'stop a task',
  keep = 'stop a task and keep what it has',
  start = 'start a task that waits',
  after = 'let a task wait: `after [#task] #other`',
  raise = 'its limit, or `raise today`; `$2` behind says to what, else twice',
  key = 'hand over an API key, of the agent here or the variable named',
  ollama = 'look whether Ollama answers, for tasks without an agent',
  allow = 'let the agent here (or the one named) run as a program',
  practise = 'a sample to practise on, without a key',
  doctor = 'what works here and what to do next',
  trust = "read what a project's settings want, then approve it",
  today = 'what the day came to',
  restart = 'start the server again',
}

--- @param name string
--- @param words string[]?
function M.verb(name, words)
  M.verbs[name]({ words = words or {} })
end

--- @param opts vim.api.keyset.create_user_command.command_args
function M.run(opts)
  local words = vim.deepcopy(opts.fargs)
  local name = table.remove(words, 1) or 'queue'
  local verb = M.verbs[name]
  if not verb then
    tell.warn(('there is no %q; :Backburner <Tab> lists what there is'):format(name))
    return
  end
  verb({ words = words, range = opts.range > 0 and { opts.line1, opts.line2 } or nil })
end

--- @param lead string
--- @param line string
--- @return string[]
function M.complete(lead, line)
  local words = vim.split(line, '%s+')
  -- A range or modifiers may stand before the command itself.
  while words[1] and not words[1]:match('Backburner') do
    table.remove(words, 1)
  end
  if #words > 2 then
    return words[2] == 'trust' and #words == 3 and vim.fn.getcompletion(lead, 'file') or {}
  end
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, vim.tbl_keys(M.verbs))
  table.sort(names)
  return names
end

return M
